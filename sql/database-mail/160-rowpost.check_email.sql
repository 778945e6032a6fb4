-- The checks of sp_send_dbmail between the profile and the query, in Database Mail's order. Formats,
-- importance and sensitivity are in capitals. Answers 0, or its return code with the message raised.
CREATE OR ALTER PROCEDURE rowpost.check_email
    @attach_query_result_as_file BIT,
    @exclude_query_output BIT,
    @query_result_header BIT,
    @query_result_separator CHAR(1),
    @append_query_error BIT,
    @body_format VARCHAR(20),
    @importance VARCHAR(6),
    @sensitivity VARCHAR(12),
    @subject NVARCHAR(255),
    @body NVARCHAR(MAX),
    @query NVARCHAR(MAX),
    @file_attachments NVARCHAR(MAX),
    @recipients VARCHAR(MAX),
    @copy_recipients VARCHAR(MAX),
    @blind_copy_recipients VARCHAR(MAX),
    @from_address VARCHAR(MAX),
    @reply_to VARCHAR(MAX),
    @query_result_format VARCHAR(4)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @missing NVARCHAR(60), @rc INT;
    SELECT TOP (1) @missing = required.name, @rc = required.rc
    FROM (VALUES
        (2, N'attach_query_result_as_file', CASE WHEN @attach_query_result_as_file IS NULL THEN 1 END),
        (3, N'exclude_query_output', CASE WHEN @exclude_query_output IS NULL THEN 1 END),
        (4, N'query_result_header', CASE WHEN @query_result_header IS NULL THEN 1 END),
        (5, N'query_result_separator', CASE WHEN COALESCE(DATALENGTH(@query_result_separator), 0) = 0 THEN 1 END),
        (6, N'append_query_error', CASE WHEN @append_query_error IS NULL THEN 1 END)
    ) AS required (rc, name, is_null)
    WHERE required.is_null = 1
    ORDER BY required.rc;
    IF @missing IS NOT NULL
    BEGIN
        EXEC rowpost.raise_message 14618, @missing;
        RETURN @rc;
    END
    IF @body_format NOT IN ('TEXT', 'HTML')
    BEGIN
        EXEC rowpost.raise_message 14626;
        RETURN 13;
    END
    IF @importance IS NULL OR @importance NOT IN ('LOW', 'NORMAL', 'HIGH')
    BEGIN
        EXEC rowpost.raise_message 14622;
        RETURN CASE WHEN @importance IS NULL THEN 15 ELSE 16 END;
    END
    IF @sensitivity IS NULL OR @sensitivity NOT IN ('NORMAL', 'PERSONAL', 'PRIVATE', 'CONFIDENTIAL')
    BEGIN
        EXEC rowpost.raise_message 14623;
        RETURN CASE WHEN @sensitivity IS NULL THEN 17 ELSE 18 END;
    END
    IF COALESCE(LEN(@body), 0) = 0 AND COALESCE(LEN(@query), 0) = 0 AND COALESCE(LEN(@file_attachments), 0) = 0
        AND COALESCE(LEN(@subject), 0) = 0
    BEGIN
        EXEC rowpost.raise_message 14624, N'@body, @query, @file_attachments, @subject';
        RETURN 19;
    END
    IF COALESCE(LEN(@recipients), 0) = 0 AND COALESCE(LEN(@copy_recipients), 0) = 0
        AND COALESCE(LEN(@blind_copy_recipients), 0) = 0
    BEGIN
        EXEC rowpost.raise_message 14624, N'@recipients, @copy_recipients, @blind_copy_recipients';
        RETURN 20;
    END
    SET @missing = CASE
        WHEN rowpost.has_comma(@recipients) = 1 THEN N'@recipients'
        WHEN rowpost.has_comma(@copy_recipients) = 1 THEN N'@copy_recipients'
        WHEN rowpost.has_comma(@blind_copy_recipients) = 1 THEN N'@blind_copy_recipients'
        WHEN rowpost.has_comma(@reply_to) = 1 THEN N'@reply_to'
    END;
    IF @missing IS NOT NULL
    BEGIN
        EXEC rowpost.raise_message 14613, @missing;
        RETURN 1;
    END
    IF LEN(@from_address) > 500 OR LEN(@reply_to) > 500
    BEGIN
        RAISERROR(N'@from_address and @reply_to may have 500 characters.', 16, 1);
        RETURN 1;
    END
    IF @attach_query_result_as_file = 1 AND COALESCE(LEN(@query), 0) = 0
    BEGIN
        EXEC rowpost.raise_message 14625;
        RETURN 21;
    END
    IF @query_result_format NOT IN ('TEXT', 'CSV', 'HTML')
    BEGIN
        RAISERROR(N'@query_result_format may be TEXT, CSV or HTML.', 16, 1);
        RETURN 1;
    END
    IF @query_result_format = 'HTML' AND @attach_query_result_as_file = 0 AND @body_format <> 'HTML'
        AND COALESCE(LEN(@query), 0) > 0
    BEGIN
        RAISERROR(N'An HTML table in the body needs @body_format = ''HTML''.', 16, 1);
        RETURN 1;
    END
    RETURN 0;
END
GO
