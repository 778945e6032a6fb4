-- Make an account: a row of tbl_EMailParameters. Its password waits in Rowpost_PendingPasswords until the
-- service has moved it into the secret store, within a minute; until then the account sends nothing.
CREATE OR ALTER PROCEDURE dbo.sysmail_add_account_sp
    @account_name SYSNAME,
    @email_address NVARCHAR(128),
    @display_name NVARCHAR(128) = NULL,
    @replyto_address NVARCHAR(128) = NULL,
    @description NVARCHAR(256) = NULL,
    @mailserver_name SYSNAME = NULL,
    @mailserver_type SYSNAME = N'SMTP',
    @port INT = 25,
    @username NVARCHAR(128) = NULL,
    @password NVARCHAR(128) = NULL,
    @use_default_credentials BIT = 0,
    @enable_ssl BIT = 0,
    @account_id INT = NULL OUTPUT
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT OFF;
    DECLARE @rc INT, @began BIT = CASE WHEN @@TRANCOUNT = 0 THEN 1 ELSE 0 END, @id INT, @highest INT;
    SET @account_id = NULL;
    SELECT @username = NULLIF(LTRIM(RTRIM(@username)), N''), @password = NULLIF(LTRIM(RTRIM(@password)), N'');
    EXEC @rc = rowpost.check_account
        NULL, @account_name, @replyto_address, @mailserver_type, @username, @password, @use_default_credentials;
    IF @rc <> 0
        RETURN @rc;
    IF NULLIF(LTRIM(@mailserver_name), N'') IS NULL
    BEGIN
        -- Where it was NULL, Database Mail took its own machine: there is none here.
        EXEC rowpost.raise_message 14618, N'@mailserver_name';
        RETURN 6;
    END
    IF @began = 1
        BEGIN TRANSACTION;
    BEGIN TRY
        -- The lock of this row keeps others from counting until the commit.
        UPDATE dbo.Rowpost_Service SET LastAccountId = LastAccountId + 1 WHERE Id = 1;
        SELECT @id = LastAccountId FROM dbo.Rowpost_Service WHERE Id = 1;
        SELECT @highest = MAX(Rowpost_Id) FROM dbo.tbl_EMailParameters;
        IF @highest >= @id
        BEGIN
            SET @id = @highest + 1;
            UPDATE dbo.Rowpost_Service SET LastAccountId = @id WHERE Id = 1;
        END
        -- Emails without a code go by the only active account. With another one beside it, it stays that.
        IF (SELECT COUNT(*) FROM dbo.tbl_EMailParameters WHERE UPPER(IsActive) IN (N'Y', N'YES', N'TRUE', N'1')) = 1
            AND NOT EXISTS (SELECT 1 FROM dbo.tbl_EMailParameters WHERE UPPER(Rowpost_Default) = N'Y')
            UPDATE dbo.tbl_EMailParameters SET Rowpost_Default = N'Y'
            WHERE UPPER(IsActive) IN (N'Y', N'YES', N'TRUE', N'1');
        INSERT INTO dbo.tbl_EMailParameters (
            SMTPServer, SMTPPort, SMTPAccountName, SMTPMailId, ApplicationName, SMTPSSLFlag, ParamCode, IsActive,
            Rowpost_Id, Rowpost_Name, Rowpost_ReplyTo, Rowpost_Description)
        VALUES (
            @mailserver_name, COALESCE(@port, 25), @username, @email_address, @display_name,
            CASE WHEN @enable_ssl = 1 THEN N'Y' ELSE N'N' END, rowpost.code_of_name(@account_name), N'Y',
            @id, @account_name, NULLIF(@replyto_address, N''), @description);
        IF @password IS NOT NULL
            INSERT INTO dbo.Rowpost_PendingPasswords (AccountId, Password) VALUES (@id, @password);
        IF @began = 1
            COMMIT TRANSACTION;
    END TRY
    BEGIN CATCH
        IF @began = 1 AND XACT_STATE() <> 0
            ROLLBACK TRANSACTION;
        EXEC rowpost.raise_again;
        RETURN 7;
    END CATCH
    SET @account_id = @id;
    RETURN 0;
END
GO
