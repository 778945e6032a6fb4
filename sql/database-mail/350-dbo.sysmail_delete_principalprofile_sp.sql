-- Take a profile from somebody; with one side only, all of that side.
CREATE OR ALTER PROCEDURE dbo.sysmail_delete_principalprofile_sp
    @principal_id INT = NULL,
    @principal_name SYSNAME = NULL,
    @profile_id INT = NULL,
    @profile_name SYSNAME = NULL
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @rc INT, @principal NVARCHAR(200), @sid NVARCHAR(172);
    IF @principal_id IS NOT NULL OR @principal_name IS NOT NULL
    BEGIN
        EXEC @rc = rowpost.find_principal
            @principal_id OUTPUT, @principal_name OUTPUT, @principal OUTPUT, @sid OUTPUT;
        IF @rc <> 0
            RETURN @rc;
    END
    IF @profile_id IS NOT NULL OR @profile_name IS NOT NULL
    BEGIN
        EXEC @rc = rowpost.find_object N'profile', @profile_id OUTPUT, @profile_name OUTPUT;
        IF @rc <> 0
            RETURN @rc;
    END
    IF @principal IS NULL AND @profile_id IS NULL
    BEGIN
        EXEC rowpost.raise_message 14608, N'principal', N'profile';
        RETURN 1;
    END
    DELETE FROM dbo.Rowpost_MailPrincipals
    WHERE (@principal IS NULL OR Principal = @principal) AND (@profile_id IS NULL OR ProfileId = @profile_id);
    RETURN 0;
END
GO
