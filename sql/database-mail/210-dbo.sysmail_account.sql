-- The accounts, for scripts that read this table of msdb. One that somebody inserted by hand is there
-- once Rowpost has given it a number.
CREATE OR ALTER VIEW dbo.sysmail_account
AS
SELECT
    Rowpost_Id AS account_id,
    CAST(COALESCE(NULLIF(Rowpost_Name, N''), NULLIF(ApplicationName, N''), NULLIF(ParamCode, N''), SMTPServer)
        AS NVARCHAR(255)) AS name,
    Rowpost_Description AS description,
    SMTPMailId AS email_address,
    ApplicationName AS display_name,
    Rowpost_ReplyTo AS replyto_address,
    CAST(Rowpost_CreatedDate AS DATETIME) AS last_mod_datetime,
    CAST(NULL AS NVARCHAR(128)) AS last_mod_user
FROM dbo.tbl_EMailParameters
WHERE Rowpost_Id IS NOT NULL;
GO
