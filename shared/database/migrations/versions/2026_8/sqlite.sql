-- How an account's emails leave, where that is not by SMTP: acs, graph.
ALTER TABLE tbl_EMailParameters ADD Rowpost_Transport VARCHAR(10);

-- By what name a mail service knows what was asked of it, written with the mark.
CREATE TABLE Rowpost_Operations (
    Id INTEGER NOT NULL,
    Number INTEGER NOT NULL,
    Operation VARCHAR(36) NOT NULL,
    Account VARCHAR(50),
    StartedAt DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    AskAfter DATETIME,
    Asked INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (Id),
    CONSTRAINT UQ_Rowpost_Operations UNIQUE (Operation)
);

CREATE INDEX IX_Rowpost_Operations_Number ON Rowpost_Operations (Number, Id);
