-- The profile that sp_send_dbmail is to use: the named one, if the caller may use it, or their default.
-- Answers 0, or the return code of sp_send_dbmail with the message raised. Whether a profile exists that
-- the caller may not use is not told: both are 14607.
CREATE OR ALTER PROCEDURE rowpost.resolve_profile
    @profile_name SYSNAME,
    @profile_id INT OUTPUT
AS
BEGIN
    SET NOCOUNT ON;
    SET @profile_id = NULL;
    IF @profile_name IS NOT NULL
    BEGIN
        SELECT @profile_id = profile.Id
        FROM dbo.Rowpost_MailProfiles AS profile
        WHERE profile.Name = @profile_name AND (rowpost.is_administrator() = 1 OR EXISTS (
            SELECT 1 FROM dbo.Rowpost_MailPrincipals AS granted
            WHERE granted.ProfileId = profile.Id
                AND rowpost.may_use(granted.Principal, granted.Sid) IS NOT NULL));
        IF @profile_id IS NOT NULL
            RETURN 0;
        EXEC rowpost.raise_message 14607, N'profile';
        RETURN 4;
    END
    -- Their own default, then everybody's, then that of a group.
    SELECT TOP (1) @profile_id = mine.ProfileId
    FROM (
        SELECT granted.ProfileId, rowpost.may_use(granted.Principal, granted.Sid) AS whose
        FROM dbo.Rowpost_MailPrincipals AS granted
        JOIN dbo.Rowpost_MailProfiles AS profile ON profile.Id = granted.ProfileId
        WHERE granted.IsDefault = 1
    ) AS mine
    WHERE mine.whose IS NOT NULL
    ORDER BY CASE mine.whose WHEN 3 THEN 1 WHEN 1 THEN 2 ELSE 3 END, mine.ProfileId;
    IF @profile_id IS NOT NULL
        RETURN 0;
    EXEC rowpost.raise_message 14636;
    RETURN 1;
END
GO
