-- Who may use which profiles. Of a named user also what everybody may use.
CREATE OR ALTER PROCEDURE dbo.sysmail_help_principalprofile_sp
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
    SELECT
        CASE WHEN granted.Principal = N'public' THEN 0
            ELSE DATABASE_PRINCIPAL_ID(SUBSTRING(granted.Principal, 6, 195)) END AS principal_id,
        CAST(CASE WHEN granted.Principal = N'public' THEN N'public'
            ELSE SUBSTRING(granted.Principal, 6, 195) END AS SYSNAME) AS principal_name,
        profile.profile_id,
        profile.name AS profile_name,
        granted.IsDefault AS is_default
    FROM dbo.Rowpost_MailPrincipals AS granted
    JOIN dbo.sysmail_profile AS profile ON profile.profile_id = granted.ProfileId
    WHERE (granted.Principal = N'public' OR granted.Principal LIKE N'user:%')
        AND (@principal IS NULL OR granted.Principal IN (@principal, N'public'))
        AND (@profile_id IS NULL OR granted.ProfileId = @profile_id)
    ORDER BY principal_id, profile.profile_id;
    RETURN 0;
END
GO
