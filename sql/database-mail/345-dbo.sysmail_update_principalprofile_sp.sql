-- Make a profile somebody's default, or no longer. A pair that is not there changes nothing, and is no error.
CREATE OR ALTER PROCEDURE dbo.sysmail_update_principalprofile_sp
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
    UPDATE dbo.Rowpost_MailPrincipals
    SET IsDefault = @is_default, Sid = @sid, ModifiedAt = SYSUTCDATETIME(), ModifiedBy = USER_NAME()
    WHERE Principal = @principal AND ProfileId = @profile_id AND @is_default IS NOT NULL;
    IF @is_default = 1 AND EXISTS (
        SELECT 1 FROM dbo.Rowpost_MailPrincipals WHERE Principal = @principal AND ProfileId = @profile_id)
        UPDATE dbo.Rowpost_MailPrincipals SET IsDefault = 0, ModifiedAt = SYSUTCDATETIME(), ModifiedBy = USER_NAME()
        WHERE Principal = @principal AND ProfileId <> @profile_id AND IsDefault = 1;
    RETURN 0;
END
GO
