-- Take an account out of a profile; with one side only, all of that side.
CREATE OR ALTER PROCEDURE dbo.sysmail_delete_profileaccount_sp
    @profile_id INT = NULL,
    @profile_name SYSNAME = NULL,
    @account_id INT = NULL,
    @account_name SYSNAME = NULL
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @rc INT;
    IF @profile_id IS NOT NULL OR @profile_name IS NOT NULL
    BEGIN
        EXEC @rc = rowpost.find_object N'profile', @profile_id OUTPUT, @profile_name OUTPUT;
        IF @rc <> 0
            RETURN @rc;
    END
    IF @account_id IS NOT NULL OR @account_name IS NOT NULL
    BEGIN
        EXEC @rc = rowpost.find_object N'account', @account_id OUTPUT, @account_name OUTPUT;
        IF @rc <> 0
            RETURN @rc;
    END
    IF @profile_id IS NULL AND @account_id IS NULL
    BEGIN
        EXEC rowpost.raise_message 14608, N'profile', N'account';
        RETURN 1;
    END
    DELETE FROM dbo.Rowpost_MailProfileAccounts
    WHERE (@profile_id IS NULL OR ProfileId = @profile_id) AND (@account_id IS NULL OR AccountId = @account_id);
    RETURN 0;
END
GO
