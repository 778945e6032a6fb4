-- Which accounts send for which profiles.
CREATE OR ALTER PROCEDURE dbo.sysmail_help_profileaccount_sp
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
    SELECT
        profile.profile_id,
        profile.name AS profile_name,
        account.account_id,
        account.name AS account_name,
        placed.sequence_number
    FROM dbo.sysmail_profileaccount AS placed
    JOIN dbo.sysmail_profile AS profile ON profile.profile_id = placed.profile_id
    JOIN dbo.sysmail_account AS account ON account.account_id = placed.account_id
    WHERE (@profile_id IS NULL OR placed.profile_id = @profile_id)
        AND (@account_id IS NULL OR placed.account_id = @account_id)
    ORDER BY profile.profile_id, placed.sequence_number, account.account_id;
    RETURN 0;
END
GO
