-- References to the DKIM key that signs, and to the one that is to take its place.
ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_Dkim NVARCHAR(100) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_DkimNext NVARCHAR(100) NULL;
