-- Remove an account, also while it is in use: it leaves its profiles, and those that it took over for have
-- their other failovers still.
CREATE OR ALTER PROCEDURE dbo.sysmail_delete_account_sp
    @account_id INT = NULL,
    @account_name SYSNAME = NULL
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT OFF;
    DECLARE @rc INT, @began BIT = CASE WHEN @@TRANCOUNT = 0 THEN 1 ELSE 0 END;
    EXEC @rc = rowpost.find_object N'account', @account_id OUTPUT, @account_name OUTPUT;
    IF @rc <> 0
        RETURN @rc;
    IF @began = 1
        BEGIN TRANSACTION;
    BEGIN TRY
        DELETE FROM dbo.Rowpost_MailProfileAccounts WHERE AccountId = @account_id;
        DELETE FROM dbo.Rowpost_PendingPasswords WHERE AccountId = @account_id;
        DELETE FROM dbo.tbl_EMailParameters WHERE Rowpost_Id = @account_id;
        DELETE FROM dbo.Rowpost_Failovers WHERE AccountId = @account_id OR FailoverId = @account_id;
        UPDATE dbo.tbl_EMailParameters
        SET Rowpost_FallbackId = (
            SELECT TOP (1) further.FailoverId FROM dbo.Rowpost_Failovers AS further
            WHERE further.AccountId = dbo.tbl_EMailParameters.Rowpost_Id ORDER BY further.Position)
        WHERE Rowpost_FallbackId = @account_id;
        DELETE FROM dbo.Rowpost_Failovers WHERE EXISTS (
            SELECT 1 FROM dbo.tbl_EMailParameters AS account
            WHERE account.Rowpost_Id = dbo.Rowpost_Failovers.AccountId
                AND account.Rowpost_FallbackId = dbo.Rowpost_Failovers.FailoverId);
        DELETE FROM dbo.Rowpost_Usage WHERE AccountId = @account_id;
        DELETE FROM dbo.Rowpost_Quotas WHERE AccountId = @account_id;
        DELETE FROM dbo.Rowpost_Slots WHERE AccountId = @account_id;
        IF @began = 1
            COMMIT TRANSACTION;
    END TRY
    BEGIN CATCH
        IF @began = 1 AND XACT_STATE() <> 0
            ROLLBACK TRANSACTION;
        EXEC rowpost.raise_again;
        RETURN 5;
    END CATCH
    RETURN 0;
END
GO
