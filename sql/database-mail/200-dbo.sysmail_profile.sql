-- The profiles, for scripts that read this table of msdb.
CREATE OR ALTER VIEW dbo.sysmail_profile
AS
SELECT
    Id AS profile_id,
    Name AS name,
    Description AS description,
    CAST(ModifiedAt AS DATETIME) AS last_mod_datetime,
    ModifiedBy AS last_mod_user
FROM dbo.Rowpost_MailProfiles;
GO
