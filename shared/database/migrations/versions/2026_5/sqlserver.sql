-- The list that its recipient may unsubscribe from with one click; yes: the default one.
ALTER TABLE dbo.Rowpost_Options ADD Unsubscribe NVARCHAR(50) NULL;

-- Who wants no more of a list, for good; other emails reach them.
CREATE TABLE dbo.Rowpost_Unsubscribed (
    List NVARCHAR(50) NOT NULL,
    Address NVARCHAR(320) NOT NULL,
    EmailId INTEGER NULL,
    Since DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    PRIMARY KEY (List, Address)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Unsubscribed TO rowpost_service;
