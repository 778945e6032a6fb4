-- One account, or all of them; a password is never shown.
CREATE OR ALTER PROCEDURE dbo.sysmail_help_account_sp
    @account_id INT = NULL,
    @account_name SYSNAME = NULL
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @rc INT;
    IF @account_id IS NOT NULL OR @account_name IS NOT NULL
    BEGIN
        EXEC @rc = rowpost.find_object N'account', @account_id OUTPUT, @account_name OUTPUT;
        IF @rc <> 0
            RETURN @rc;
    END
    SELECT
        account.account_id,
        account.name,
        account.description,
        account.email_address,
        account.display_name,
        account.replyto_address,
        server.servertype,
        server.servername,
        server.port,
        server.username,
        server.use_default_credentials,
        server.enable_ssl
    FROM dbo.sysmail_account AS account
    JOIN dbo.sysmail_server AS server ON server.account_id = account.account_id
    WHERE @account_id IS NULL OR account.account_id = @account_id
    ORDER BY account.account_id;
    RETURN 0;
END
GO
