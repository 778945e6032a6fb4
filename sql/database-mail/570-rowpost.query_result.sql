-- What sp_send_dbmail adds of its query, into the caller's #rowpost_result: text, and its bytes as a file. (A
-- table, since not every server gives back parameters that are MAX.) The query runs in the caller's
-- session and with their rights, before anything is queued. Answers 0, or 1 with the message raised, unless
-- @quiet hides an error of the query.
CREATE OR ALTER PROCEDURE rowpost.query_result
    @query NVARCHAR(MAX),
    @database SYSNAME,
    @format VARCHAR(4),
    @as_file BIT,
    @header BIT,
    @width INT,
    @separator NCHAR(1),
    @no_truncate BIT,
    @no_padding BIT,
    @quiet BIT,
    @append_error BIT,
    @filename NVARCHAR(260) OUTPUT
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @rc INT, @error NVARCHAR(2000), @size BIGINT, @most BIGINT = rowpost.max_file_size();
    DECLARE @count BIT = CASE WHEN UPPER(@query) LIKE N'%SET%NOCOUNT%ON%' THEN 0 ELSE 1 END;
    SELECT @format = COALESCE(@format, 'TEXT'), @no_truncate = COALESCE(@no_truncate, 0),
        @no_padding = COALESCE(@no_padding, 0), @width = COALESCE(@width, 256);
    IF @format = 'CSV' AND @separator = N' '
        SET @separator = N',';
    IF @database IS NOT NULL AND LOWER(@database) <> LOWER(DB_NAME())
    BEGIN
        IF DB_ID(@database) IS NULL
            EXEC rowpost.raise_message 14633, @database;
        ELSE
            EXEC rowpost.raise_message 14631;
        RETURN 1;
    END
    SET @error = CASE
        WHEN @no_truncate = 1 AND @no_padding = 1 THEN N'@query_no_truncate and @query_result_no_padding are mutually exclusive.'
        WHEN @no_truncate = 1 AND @header = 0 THEN N'@query_no_truncate leaves the header out: do not give @query_result_header = 0, too.'
        WHEN @width NOT BETWEEN 10 AND 32767 THEN N'@query_result_width may be 10 to 32767.'
    END;
    IF @error IS NOT NULL
    BEGIN
        EXEC rowpost.raise_message 22050, @error;
        RETURN 1;
    END
    IF @as_file = 1
    BEGIN
        SET @filename = NULLIF(LTRIM(RTRIM(@filename)), N'');
        IF @filename IS NULL
            SET @filename = CONCAT(N'QueryResults', ABS(CHECKSUM(NEWID())) % 1000000,
                CASE @format WHEN 'CSV' THEN N'.csv' WHEN 'HTML' THEN N'.html' ELSE N'.txt' END);
        IF rowpost.is_prohibited(@filename) = 1
        BEGIN
            DECLARE @extension NVARCHAR(260) = RIGHT(@filename, CHARINDEX(N'.', REVERSE(@filename)) - 1);
            EXEC rowpost.raise_message 14630, @extension;
            RETURN 1;
        END
    END

    CREATE TABLE #rowpost_columns (
        ordinal INT NULL, name NVARCHAR(128) COLLATE DATABASE_DEFAULT NOT NULL,
        declared NVARCHAR(256) COLLATE DATABASE_DEFAULT NULL, type NVARCHAR(256) COLLATE DATABASE_DEFAULT NULL,
        length INT NULL, width INT NULL, is_max BIT NULL, is_right BIT NULL,
        kept_as NVARCHAR(256) COLLATE DATABASE_DEFAULT NULL, cell NVARCHAR(400) COLLATE DATABASE_DEFAULT NULL,
        error NVARCHAR(2000) COLLATE DATABASE_DEFAULT NULL);
    CREATE TABLE #rowpost_rows (number INT IDENTITY(1, 1) NOT NULL PRIMARY KEY);
    EXEC @rc = rowpost.describe_query @query, @error OUTPUT;
    IF @rc = 0
        EXEC @rc = rowpost.shape_columns @error OUTPUT;
    IF @rc = 0
        EXEC @rc = rowpost.fetch_query @query, @error OUTPUT;
    IF @rc = 0
        EXEC rowpost.query_text
            @format, @header, @width, @separator, @no_truncate, @no_padding, @count;
    ELSE IF @append_error = 1 AND XACT_STATE() <> -1
        INSERT INTO #rowpost_result (result) VALUES (@error);
    ELSE
    BEGIN
        IF @quiet = 0
        BEGIN
            SET @error = N'Query execution failed: ' + @error;
            EXEC rowpost.raise_message 22050, @error;
        END
        RETURN 1;
    END

    IF @as_file = 1
        EXEC rowpost.query_file @format;
    SELECT @size = CASE @as_file WHEN 1 THEN DATALENGTH(content) ELSE DATALENGTH(result) END FROM #rowpost_result;
    IF @size > @most
    BEGIN
        SET @error = CONCAT(
            N'File attachment or query results size exceeds allowable value of ', @most, N' bytes.');
        EXEC rowpost.raise_message 22050, @error;
        RETURN 1;
    END
    RETURN 0;
END
GO
