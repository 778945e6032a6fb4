-- Change an account's place in a profile. A pair that is not there changes nothing, and is no error.
CREATE OR ALTER PROCEDURE dbo.sysmail_update_profileaccount_sp
    @profile_id INT = NULL,
    @profile_name SYSNAME = NULL,
    @account_id INT = NULL,
    @account_name SYSNAME = NULL,
    @sequence_number INT
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @rc INT;
    EXEC @rc = rowpost.find_object N'profile', @profile_id OUTPUT, @profile_name OUTPUT;
    IF @rc <> 0
        RETURN @rc;
    EXEC @rc = rowpost.find_object N'account', @account_id OUTPUT, @account_name OUTPUT;
    IF @rc <> 0
        RETURN @rc;
    IF @sequence_number IS NULL
    BEGIN
        EXEC rowpost.raise_message 14611;
        RETURN 1;
    END
    UPDATE dbo.Rowpost_MailProfileAccounts
    SET SequenceNumber = @sequence_number, ModifiedAt = SYSUTCDATETIME(), ModifiedBy = USER_NAME()
    WHERE ProfileId = @profile_id AND AccountId = @account_id;
    RETURN 0;
END
GO
