-- Make a profile. A name that is taken is error 2627, from the key.
CREATE OR ALTER PROCEDURE dbo.sysmail_add_profile_sp
    @profile_name SYSNAME,
    @description NVARCHAR(256) = NULL,
    @profile_id INT = NULL OUTPUT
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.Rowpost_MailProfiles (Name, Description, ModifiedBy)
    VALUES (@profile_name, @description, USER_NAME());
    IF @@ERROR <> 0
        RETURN 1;
    SET @profile_id = CAST(SCOPE_IDENTITY() AS INT);
    RETURN 0;
END
GO
