-- How an account's emails leave, where that is not by SMTP: acs, graph.
ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_Transport NVARCHAR(10) NULL;

-- By what name a mail service knows what was asked of it, written with the mark.
CREATE TABLE dbo.Rowpost_Operations (
    Id INTEGER NOT NULL IDENTITY,
    Number INTEGER NOT NULL,
    Operation VARCHAR(36) NOT NULL,
    Account NVARCHAR(50) NULL,
    StartedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    AskAfter DATETIME2(3) NULL,
    Asked INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (Id),
    CONSTRAINT UQ_Rowpost_Operations UNIQUE (Operation)
);

CREATE INDEX IX_Rowpost_Operations_Number ON dbo.Rowpost_Operations (Number, Id);

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Operations TO rowpost_service;
