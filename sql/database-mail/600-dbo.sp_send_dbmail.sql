-- Send an email: a row of the queue, its options beside it, in the caller's transaction. The first 24
-- parameters are Database Mail's in their order, what is checked and what is answered too
-- (docs/migrate-from-database-mail.md says what differs); what is ours comes after them.
CREATE OR ALTER PROCEDURE dbo.sp_send_dbmail
    @profile_name SYSNAME = NULL,
    @recipients VARCHAR(MAX) = NULL,
    @copy_recipients VARCHAR(MAX) = NULL,
    @blind_copy_recipients VARCHAR(MAX) = NULL,
    @subject NVARCHAR(255) = NULL,
    @body NVARCHAR(MAX) = NULL,
    @body_format VARCHAR(20) = NULL,
    @importance VARCHAR(6) = 'NORMAL',
    @sensitivity VARCHAR(12) = 'NORMAL',
    @file_attachments NVARCHAR(MAX) = NULL,
    @query NVARCHAR(MAX) = NULL,
    @execute_query_database SYSNAME = NULL,
    @attach_query_result_as_file BIT = 0,
    @query_attachment_filename NVARCHAR(260) = NULL,
    @query_result_header BIT = 1,
    @query_result_width INT = 256,
    @query_result_separator CHAR(1) = ' ',
    @exclude_query_output BIT = 0,
    @append_query_error BIT = 0,
    @query_no_truncate BIT = 0,
    @query_result_no_padding BIT = 0,
    @mailitem_id INT = NULL OUTPUT,
    @from_address VARCHAR(MAX) = NULL,
    @reply_to VARCHAR(MAX) = NULL,
    @query_result_format VARCHAR(4) = NULL
AS
BEGIN
    -- Callers with old SET options, too: these hold until the procedure ends, and for the query.
    SET NOCOUNT ON;
    SET ANSI_WARNINGS ON;
    SET ANSI_PADDING ON;
    SET ARITHABORT ON;
    SET CONCAT_NULL_YIELDS_NULL ON;
    SET NUMERIC_ROUNDABORT OFF;
    SET XACT_ABORT OFF;
    DECLARE @rc INT, @profile_id INT, @began BIT = 0, @fits BIT, @id INT;
    DECLARE @document VARBINARY(MAX), @filename NVARCHAR(260);
    SET @mailitem_id = NULL;

    IF XACT_STATE() = -1
    BEGIN
        RAISERROR(N'Msg 3930: Nothing was queued: an error has doomed this transaction. ROLLBACK first, then send.', 16, 1);
        RETURN 1;
    END
    EXEC @rc = rowpost.check_started;
    IF @rc <> 0
        RETURN @rc;
    EXEC @rc = rowpost.resolve_profile @profile_name, @profile_id OUTPUT;
    IF @rc <> 0
        RETURN @rc;

    SELECT
        @subject = NULLIF(@subject, N''),
        @body_format = UPPER(COALESCE(@body_format, 'TEXT')),
        @importance = UPPER(@importance),
        @sensitivity = UPPER(@sensitivity),
        @query_result_format = UPPER(@query_result_format);
    EXEC @rc = rowpost.check_email
        @attach_query_result_as_file = @attach_query_result_as_file,
        @exclude_query_output = @exclude_query_output,
        @query_result_header = @query_result_header,
        @query_result_separator = @query_result_separator,
        @append_query_error = @append_query_error,
        @body_format = @body_format,
        @importance = @importance,
        @sensitivity = @sensitivity,
        @subject = @subject,
        @body = @body,
        @query = @query,
        @file_attachments = @file_attachments,
        @recipients = @recipients,
        @copy_recipients = @copy_recipients,
        @blind_copy_recipients = @blind_copy_recipients,
        @from_address = @from_address,
        @reply_to = @reply_to,
        @query_result_format = @query_result_format;
    IF @rc <> 0
        RETURN @rc;

    IF @query IS NOT NULL AND LEN(@query) > 0
    BEGIN
        CREATE TABLE #rowpost_result (
            result NVARCHAR(MAX) COLLATE DATABASE_DEFAULT NOT NULL, content VARBINARY(MAX) NULL);
        EXEC @rc = rowpost.query_result
            @query = @query,
            @database = @execute_query_database,
            @format = @query_result_format,
            @as_file = @attach_query_result_as_file,
            @header = @query_result_header,
            @width = @query_result_width,
            @separator = @query_result_separator,
            @no_truncate = @query_no_truncate,
            @no_padding = @query_result_no_padding,
            @quiet = @exclude_query_output,
            @append_error = @append_query_error,
            @filename = @query_attachment_filename OUTPUT;
        IF @rc <> 0
            RETURN @rc;
        SELECT
            @document = content,
            @filename = CASE @attach_query_result_as_file WHEN 1 THEN @query_attachment_filename END,
            @body = CASE @attach_query_result_as_file
                WHEN 1 THEN @body
                ELSE CONCAT(@body, NCHAR(13), NCHAR(10), result)
            END
        FROM #rowpost_result;
    END

    IF @file_attachments IS NOT NULL AND LEN(@file_attachments) > 0
    BEGIN
        RAISERROR(N'Msg 22051: Nothing was queued: there are no files of a server here to attach. Send them by the API (POST /api/emails, attachments), which keeps them in Rowpost_Attachments and its store, or attach a query result.', 16, 1);
        RETURN 1;
    END

    IF @@TRANCOUNT = 0
    BEGIN
        SET @began = 1;
        BEGIN TRANSACTION;
    END
    ELSE
        SAVE TRANSACTION rowpost_send_dbmail;
    BEGIN TRY
        -- Where one is longer than its column, all lists stand in Rowpost_MailItems alone.
        SELECT @fits = CASE
            WHEN COALESCE(DATALENGTH(@recipients), 0) <= recipients
                AND COALESCE(DATALENGTH(@copy_recipients), 0) <= copy_recipients
                AND COALESCE(DATALENGTH(@blind_copy_recipients), 0) <= 500 THEN 1
            ELSE 0
        END
        FROM rowpost.queue_widths;
        INSERT INTO dbo.Digital_Emaildetails (
            dd_toEmailid, dd_ccEmailid, dd_subject, dd_bodyText, dd_document, dd_filename, dd_SendFlag, dd_RetryCount)
        SELECT
            CASE @fits WHEN 1 THEN COALESCE(@recipients, '') ELSE '' END,
            CASE @fits WHEN 1 THEN @copy_recipients END,
            LEFT(COALESCE(@subject, N'SQL Server Message'), width.subject),
            COALESCE(@body, N''), @document, LEFT(@filename, width.filename), N'N', 0
        FROM rowpost.queue_widths AS width;
        SET @id = CAST(SCOPE_IDENTITY() AS INT);
        INSERT INTO dbo.Rowpost_Options (
            EmailId, ProfileId, bccEmailid, Lane, IsHtml, ReplyTo, Sender, Importance, Sensitivity)
        VALUES (
            @id, @profile_id, CASE @fits WHEN 1 THEN @blind_copy_recipients END, N'immediate',
            CASE @body_format WHEN 'HTML' THEN N'1' ELSE N'0' END, NULLIF(@reply_to, ''), NULLIF(@from_address, ''),
            NULLIF(@importance, 'NORMAL'), NULLIF(@sensitivity, 'NORMAL'));
        INSERT INTO dbo.Rowpost_MailItems (
            EmailId, ProfileId, Recipients, CopyRecipients, BlindCopyRecipients, Subject, FromAddress, ReplyTo,
            BodyFormat, Importance, Sensitivity, FileAttachments, Query, ExecuteQueryDatabase,
            AttachQueryResultAsFile, QueryAttachmentFilename, QueryResultHeader, QueryResultWidth,
            QueryResultSeparator, QueryNoTruncate, QueryResultNoPadding, QueryResultFormat, ExcludeQueryOutput,
            AppendQueryError, RequestedBy, DatabaseUser, OriginalLogin)
        VALUES (
            @id, @profile_id, @recipients, @copy_recipients, @blind_copy_recipients,
            COALESCE(@subject, N'SQL Server Message'), @from_address, @reply_to, @body_format, @importance,
            @sensitivity, @file_attachments, @query, @execute_query_database, @attach_query_result_as_file,
            @filename, @query_result_header, @query_result_width, @query_result_separator, @query_no_truncate,
            @query_result_no_padding, @query_result_format, @exclude_query_output, @append_query_error,
            COALESCE(SUSER_SNAME(), USER_NAME()), USER_NAME(), ORIGINAL_LOGIN());
        IF @began = 1
            COMMIT TRANSACTION;
    END TRY
    BEGIN CATCH
        -- A row alone, without what goes with it, would be another email.
        IF @began = 1 AND XACT_STATE() <> 0
            ROLLBACK TRANSACTION;
        ELSE IF XACT_STATE() = 1
            ROLLBACK TRANSACTION rowpost_send_dbmail;
        EXEC rowpost.raise_again;
        RETURN 1;
    END CATCH
    SET @mailitem_id = @id;
    IF @exclude_query_output = 0
        PRINT CONCAT(N'Mail (Id: ', @id, N') queued.');
    RETURN 0;
END
GO
