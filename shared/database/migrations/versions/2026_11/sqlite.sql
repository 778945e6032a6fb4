-- Where an account's bounces come back to, and whether the address then names the email.
ALTER TABLE tbl_EMailParameters ADD Rowpost_BounceAddress VARCHAR(320);

ALTER TABLE tbl_EMailParameters ADD Rowpost_Verp VARCHAR(1);
