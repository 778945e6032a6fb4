-- What the accounts' procedures check alike. Answers 0, or the step at which it was refused, with the
-- message raised.
CREATE OR ALTER PROCEDURE rowpost.check_account
    @account_id INT,
    @account_name SYSNAME,
    @replyto_address NVARCHAR(128),
    @mailserver_type SYSNAME,
    @username NVARCHAR(128),
    @password NVARCHAR(128),
    @use_default_credentials BIT
AS
BEGIN
    SET NOCOUNT ON;
    IF COALESCE(LTRIM(RTRIM(UPPER(@mailserver_type))), N'') <> N'SMTP'
    BEGIN
        EXEC rowpost.raise_message 14614, @mailserver_type;
        RETURN 1;
    END
    IF @use_default_credentials = 1 AND @username IS NOT NULL
    BEGIN
        EXEC rowpost.raise_message 14666;
        RETURN 2;
    END
    IF @use_default_credentials = 1
    BEGIN
        RAISERROR(N'@use_default_credentials = 1 means a Windows account, and there is none here: give @username and @password.', 16, 1);
        RETURN 2;
    END
    IF @password IS NOT NULL AND @username IS NULL
    BEGIN
        EXEC rowpost.raise_message 14615;
        RETURN 3;
    END
    IF rowpost.has_comma(@replyto_address) = 1
    BEGIN
        EXEC rowpost.raise_message 14613, N'@replyto_address';
        RETURN 4;
    END
    IF EXISTS (
        SELECT 1 FROM dbo.sysmail_account
        WHERE name = @account_name AND (@account_id IS NULL OR account_id <> @account_id))
    BEGIN
        RAISERROR(N'Msg 2627: Violation of SYSMAIL_ACCOUNT_NameMustBeUnique: there is an account %s already.', 16, 1, @account_name);
        RETURN 5;
    END
    RETURN 0;
END
GO
