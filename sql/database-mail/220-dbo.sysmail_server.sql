-- The accounts' servers, for scripts that read this table of msdb.
CREATE OR ALTER VIEW dbo.sysmail_server
AS
SELECT
    Rowpost_Id AS account_id,
    CAST(N'SMTP' AS NVARCHAR(128)) AS servertype,
    SMTPServer AS servername,
    COALESCE(SMTPPort, 25) AS port,
    SMTPAccountName AS username,
    CAST(NULL AS INT) AS credential_id,
    CAST(0 AS BIT) AS use_default_credentials,
    CAST(CASE WHEN SMTPSSLFlag IN (N'Y', N'y', N'1') THEN 1 ELSE 0 END AS BIT) AS enable_ssl,
    CAST(0 AS INT) AS flags,
    CAST(NULL AS INT) AS timeout,
    CAST(Rowpost_CreatedDate AS DATETIME) AS last_mod_datetime,
    CAST(NULL AS NVARCHAR(128)) AS last_mod_user
FROM dbo.tbl_EMailParameters
WHERE Rowpost_Id IS NOT NULL;
GO
