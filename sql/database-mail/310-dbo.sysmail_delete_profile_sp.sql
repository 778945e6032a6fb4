-- Remove a profile and who may use it; its accounts stay. What of it is not sent yet fails, unless
-- @force_delete is 0: then the profile stays.
CREATE OR ALTER PROCEDURE dbo.sysmail_delete_profile_sp
    @profile_id INT = NULL,
    @profile_name SYSNAME = NULL,
    @force_delete BIT = 1
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT OFF;
    DECLARE @rc INT, @began BIT = 0;
    EXEC @rc = rowpost.find_object N'profile', @profile_id OUTPUT, @profile_name OUTPUT;
    IF @rc <> 0
        RETURN @rc;
    DECLARE @unsent TABLE (id INT NOT NULL PRIMARY KEY);
    INSERT INTO @unsent (id)
    SELECT DISTINCT mailitem_id FROM rowpost.items
    WHERE profile_id = @profile_id AND sent_status IN ('unsent', 'retrying');
    IF @force_delete = 0 AND EXISTS (SELECT 1 FROM @unsent)
    BEGIN
        EXEC rowpost.raise_message 14668, @profile_name;
        RETURN 1;
    END
    IF @@TRANCOUNT = 0
        SELECT @began = 1;
    IF @began = 1
        BEGIN TRANSACTION;
    BEGIN TRY
        -- Another letter over N or P takes an email back: it is not sent.
        UPDATE dbo.Digital_Emaildetails SET dd_SendFlag = N'F'
        WHERE dd_srno IN (SELECT id FROM @unsent) AND dd_SendFlag IN (N'N', N'P');
        DELETE FROM dbo.Rowpost_MailPrincipals WHERE ProfileId = @profile_id;
        DELETE FROM dbo.Rowpost_MailProfileAccounts WHERE ProfileId = @profile_id;
        DELETE FROM dbo.Rowpost_MailProfiles WHERE Id = @profile_id;
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
