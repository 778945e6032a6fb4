-- References to the DKIM key that signs, and to the one that is to take its place.
ALTER TABLE tbl_EMailParameters ADD Rowpost_Dkim VARCHAR(100);

ALTER TABLE tbl_EMailParameters ADD Rowpost_DkimNext VARCHAR(100);
