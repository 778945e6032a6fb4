-- Who may use a profile, for scripts that read this table of msdb. The public's SID is 0x00 there.
CREATE OR ALTER VIEW dbo.sysmail_principalprofile
AS
SELECT
    ProfileId AS profile_id,
    CASE WHEN Principal = N'public' THEN CAST(0x00 AS VARBINARY(85))
        ELSE CONVERT(VARBINARY(85), Sid, 1) END AS principal_sid,
    IsDefault AS is_default,
    CAST(ModifiedAt AS DATETIME) AS last_mod_datetime,
    ModifiedBy AS last_mod_user
FROM dbo.Rowpost_MailPrincipals
WHERE Principal = N'public' OR Principal LIKE N'user:%';
GO
