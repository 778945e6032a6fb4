-- Test mode: who gets what is not for these addresses and domains.
ALTER TABLE tbl_EMailParameters ADD Rowpost_RedirectTo VARCHAR(320);

ALTER TABLE tbl_EMailParameters ADD Rowpost_AllowRecipients VARCHAR(1000);
