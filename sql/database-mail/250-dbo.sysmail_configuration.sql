-- The parameters of sysmail_configure_sp, for scripts that read this table of msdb. Names with a dot are
-- Rowpost's own.
CREATE OR ALTER VIEW dbo.sysmail_configuration
AS
SELECT
    Name AS paramname,
    Value AS paramvalue,
    Description AS description,
    CAST(ModifiedAt AS DATETIME) AS last_mod_datetime,
    ModifiedBy AS last_mod_user
FROM dbo.Rowpost_MailConfiguration
WHERE Name NOT LIKE N'%.%';
GO
