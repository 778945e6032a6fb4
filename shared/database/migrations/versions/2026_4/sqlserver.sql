-- Test mode: who gets what is not for these addresses and domains.
ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_RedirectTo NVARCHAR(320) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_AllowRecipients NVARCHAR(1000) NULL;
