-- Remove emails that sp_send_dbmail took, with their rows of the queue: of an administrator everybody's, of
-- others their own. What is not sent yet is not sent.
CREATE OR ALTER PROCEDURE dbo.sysmail_delete_mailitems_sp
    @sent_before DATETIME = NULL,
    @sent_status VARCHAR(8) = NULL
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT OFF;
    DECLARE @began BIT = CASE WHEN @@TRANCOUNT = 0 THEN 1 ELSE 0 END, @removed INT;
    SET @sent_status = LOWER(LTRIM(RTRIM(@sent_status)));
    IF @sent_status NOT IN ('sent', 'unsent', 'retrying', 'failed', 'unknown')
    BEGIN
        EXEC rowpost.raise_message 14266, N'@sent_status', N'sent, unsent, retrying, failed, unknown';
        RETURN 1;
    END
    IF @sent_before IS NULL AND @sent_status IS NULL
    BEGIN
        EXEC rowpost.raise_message 14608, N'@sent_before', N'@sent_status';
        RETURN 1;
    END
    DECLARE @chosen TABLE (item INT NOT NULL PRIMARY KEY, email INT NULL);
    INSERT INTO @chosen (item, email)
    SELECT item.item_number,
        -- A later email with the same id is another one's.
        CASE WHEN NOT EXISTS (
            SELECT 1 FROM dbo.Rowpost_MailItems AS later
            WHERE later.EmailId = item.mailitem_id AND later.Id > item.item_number) THEN item.mailitem_id END
    FROM rowpost.items AS item
    WHERE (@sent_before IS NULL OR item.send_request_date < @sent_before)
        AND (@sent_status IS NULL OR item.sent_status = @sent_status)
        AND (rowpost.is_administrator() = 1 OR item.database_user = USER_NAME());
    SELECT @removed = COUNT(*) FROM @chosen;
    IF @began = 1
        BEGIN TRANSACTION;
    BEGIN TRY
        DELETE FROM dbo.Digital_Emaildetails WHERE dd_srno IN (SELECT email FROM @chosen);
        DELETE FROM dbo.Rowpost_MailItems WHERE Id IN (SELECT item FROM @chosen);
        INSERT INTO dbo.Rowpost_MailLog (EventType, Description, ProcessId, ModifiedBy)
        VALUES (N'information', CONCAT(SUSER_SNAME(), N' removed ', @removed, N' emails.'), @@SPID, SUSER_SNAME());
        IF @began = 1
            COMMIT TRANSACTION;
    END TRY
    BEGIN CATCH
        IF @began = 1 AND XACT_STATE() <> 0
            ROLLBACK TRANSACTION;
        EXEC rowpost.raise_again;
        RETURN 1;
    END CATCH
    RETURN 0;
END
GO
