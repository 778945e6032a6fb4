-- Let an account send for a profile: the lowest number sends, the others take over in their order.
CREATE OR ALTER PROCEDURE dbo.sysmail_add_profileaccount_sp
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
    INSERT INTO dbo.Rowpost_MailProfileAccounts (ProfileId, AccountId, SequenceNumber, ModifiedBy)
    VALUES (@profile_id, @account_id, @sequence_number, USER_NAME());
    IF @@ERROR <> 0
        RETURN 1;
    RETURN 0;
END
GO
