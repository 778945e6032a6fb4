-- Let a user or group of the database use a profile; principal 0, 'public': everybody. A new default takes
-- the place of the former one.
CREATE OR ALTER PROCEDURE dbo.sysmail_add_principalprofile_sp
    @principal_id INT = NULL,
    @principal_name SYSNAME = NULL,
    @profile_id INT = NULL,
    @profile_name SYSNAME = NULL,
    @is_default BIT = 0
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @rc INT, @principal NVARCHAR(200), @sid NVARCHAR(172);
    EXEC @rc = rowpost.find_principal
        @principal_id OUTPUT, @principal_name OUTPUT, @principal OUTPUT, @sid OUTPUT;
    IF @rc <> 0
        RETURN @rc;
    EXEC @rc = rowpost.find_object N'profile', @profile_id OUTPUT, @profile_name OUTPUT;
    IF @rc <> 0
        RETURN @rc;
    INSERT INTO dbo.Rowpost_MailPrincipals (Principal, ProfileId, Sid, IsDefault, ModifiedBy)
    VALUES (@principal, @profile_id, @sid, COALESCE(@is_default, 0), USER_NAME());
    IF @@ERROR <> 0
        RETURN 1;
    IF @is_default = 1
        UPDATE dbo.Rowpost_MailPrincipals SET IsDefault = 0, ModifiedAt = SYSUTCDATETIME(), ModifiedBy = USER_NAME()
        WHERE Principal = @principal AND ProfileId <> @profile_id AND IsDefault = 1;
    RETURN 0;
END
GO
