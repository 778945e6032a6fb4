-- Since when a scheduled run is open, and the last email of the queue that is of it.
ALTER TABLE dbo.Rowpost_Service ADD RunSince DATETIME2(3) NULL;

ALTER TABLE dbo.Rowpost_Service ADD RunLastId INTEGER NULL;

-- How often its account had to rest for a reply to this email: it goes behind the others.
ALTER TABLE dbo.Rowpost_Emails ADD Blamed INTEGER NULL;

CREATE INDEX IX_Rowpost_Blamed ON dbo.Rowpost_Emails (Blamed, Number)
    WHERE State = 'N' AND Blamed IS NOT NULL;

-- How long the oldest email has been due depends on its lane.
CREATE INDEX IX_Rowpost_DueByLane ON dbo.Rowpost_Emails (Lane, DueSince)
    WHERE State = 'N' AND NotBefore IS NULL;

DROP INDEX IX_Rowpost_Due ON dbo.Rowpost_Emails;

-- Further accounts that take over, after the one that an account's own row names.
CREATE TABLE dbo.Rowpost_Failovers (
    AccountId INTEGER NOT NULL,
    Position INTEGER NOT NULL,
    FailoverId INTEGER NOT NULL,
    PRIMARY KEY (AccountId, Position)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Failovers TO rowpost_service;

-- The name by which EHLO introduces this machine to the account's server.
ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_EhloName NVARCHAR(255) NULL;
