-- Where an account's bounces come back to, and whether the address then names the email.
ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_BounceAddress NVARCHAR(320) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_Verp NVARCHAR(1) NULL;
