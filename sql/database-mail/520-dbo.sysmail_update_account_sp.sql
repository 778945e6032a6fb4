-- Change an account. With an id, the name is its new one. What is NULL stays, but for @username: NULL takes
-- the login away, unless @no_credential_change is 1. @timeout is taken and has no effect.
CREATE OR ALTER PROCEDURE dbo.sysmail_update_account_sp
    @account_id INT = NULL,
    @account_name SYSNAME = NULL,
    @email_address NVARCHAR(128) = NULL,
    @display_name NVARCHAR(128) = NULL,
    @replyto_address NVARCHAR(128) = NULL,
    @description NVARCHAR(256) = NULL,
    @mailserver_name SYSNAME = NULL,
    @mailserver_type SYSNAME = NULL,
    @port INT = NULL,
    @username NVARCHAR(128) = NULL,
    @password NVARCHAR(128) = NULL,
    @use_default_credentials BIT = NULL,
    @enable_ssl BIT = NULL,
    @timeout INT = NULL,
    @no_credential_change BIT = NULL
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT OFF;
    DECLARE @rc INT, @began BIT = CASE WHEN @@TRANCOUNT = 0 THEN 1 ELSE 0 END;
    DECLARE @found SYSNAME = CASE WHEN @account_id IS NULL THEN @account_name END;
    DECLARE @flag NVARCHAR(1) = CASE @enable_ssl WHEN 1 THEN N'Y' WHEN 0 THEN N'N' END;
    EXEC @rc = rowpost.find_object N'account', @account_id OUTPUT, @found OUTPUT;
    IF @rc <> 0
        RETURN @rc;
    SELECT @username = NULLIF(LTRIM(RTRIM(@username)), N''), @password = NULLIF(LTRIM(RTRIM(@password)), N'');
    SET @mailserver_type = COALESCE(@mailserver_type, N'SMTP');
    SET @account_name = COALESCE(@account_name, @found);
    EXEC @rc = rowpost.check_account
        @account_id, @account_name, @replyto_address, @mailserver_type, @username, @password,
        @use_default_credentials;
    IF @rc <> 0
        RETURN @rc;
    -- A password goes only where it was given for.
    IF @password IS NULL AND (@username IS NOT NULL OR @no_credential_change = 1) AND EXISTS (
        SELECT 1 FROM dbo.tbl_EMailParameters
        WHERE Rowpost_Id = @account_id AND (SMTPPassword IS NOT NULL OR EXISTS (
                SELECT 1 FROM dbo.Rowpost_PendingPasswords WHERE AccountId = @account_id))
            AND (
            LOWER(SMTPServer) <> LOWER(COALESCE(@mailserver_name, SMTPServer))
            OR COALESCE(SMTPPort, 25) <> COALESCE(@port, SMTPPort, 25)
            OR COALESCE(SMTPSSLFlag, N'N') <> COALESCE(@flag, SMTPSSLFlag, N'N')
            OR SMTPAccountName <> COALESCE(@username, SMTPAccountName)))
    BEGIN
        RAISERROR(N'Server, port, TLS or user changes: give @username and @password again.', 16, 1);
        RETURN 6;
    END
    IF @began = 1
        BEGIN TRANSACTION;
    BEGIN TRY
        UPDATE dbo.tbl_EMailParameters
        SET SMTPServer = COALESCE(@mailserver_name, SMTPServer),
            SMTPPort = COALESCE(@port, SMTPPort),
            SMTPSSLFlag = COALESCE(@flag, SMTPSSLFlag),
            SMTPMailId = COALESCE(@email_address, SMTPMailId),
            ApplicationName = COALESCE(@display_name, ApplicationName),
            Rowpost_Name = @account_name,
            Rowpost_ReplyTo = COALESCE(@replyto_address, Rowpost_ReplyTo),
            Rowpost_Description = COALESCE(@description, Rowpost_Description),
            SMTPAccountName = CASE WHEN @no_credential_change = 1 THEN SMTPAccountName ELSE @username END,
            SMTPPassword = CASE
                WHEN @no_credential_change = 1 OR (@username IS NOT NULL AND @password IS NULL) THEN SMTPPassword
            END
        WHERE Rowpost_Id = @account_id;
        IF COALESCE(@no_credential_change, 0) = 0 AND (@username IS NULL OR @password IS NOT NULL)
            DELETE FROM dbo.Rowpost_PendingPasswords WHERE AccountId = @account_id;
        IF COALESCE(@no_credential_change, 0) = 0 AND @password IS NOT NULL
            INSERT INTO dbo.Rowpost_PendingPasswords (AccountId, Password) VALUES (@account_id, @password);
        -- What it rested for may be mended.
        UPDATE dbo.Rowpost_Usage
        SET PausedUntil = NULL, PauseReason = NULL, PauseCount = 0, ProbeToken = NULL, ProbeUntil = NULL
        WHERE AccountId = @account_id AND PausedUntil IS NOT NULL;
        IF @began = 1
            COMMIT TRANSACTION;
    END TRY
    BEGIN CATCH
        IF @began = 1 AND XACT_STATE() <> 0
            ROLLBACK TRANSACTION;
        EXEC rowpost.raise_again;
        RETURN 7;
    END CATCH
    RETURN 0;
END
GO
