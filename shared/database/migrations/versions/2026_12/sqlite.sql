-- Where bounces come in, how far each mailbox has been read, and how that has gone.
CREATE TABLE Rowpost_BounceMailboxes (
    Id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    Name VARCHAR(100) NOT NULL,
    Kind VARCHAR(10) NOT NULL,
    Host VARCHAR(255) NOT NULL,
    Port INTEGER NOT NULL,
    Tls VARCHAR(10) NOT NULL,
    Username VARCHAR(255) NOT NULL,
    TenantId VARCHAR(255),
    ClientId VARCHAR(100),
    Secret VARCHAR(255),
    Folder VARCHAR(255) NOT NULL,
    DoneFolder VARCHAR(255),
    UnclearFolder VARCHAR(255),
    DeletesDone INTEGER NOT NULL DEFAULT 0,
    Enabled INTEGER NOT NULL DEFAULT 1,
    Validity INTEGER NOT NULL DEFAULT 0,
    LastRead INTEGER NOT NULL DEFAULT 0,
    Bounced INTEGER NOT NULL DEFAULT 0,
    Complained INTEGER NOT NULL DEFAULT 0,
    Unclear INTEGER NOT NULL DEFAULT 0,
    Others INTEGER NOT NULL DEFAULT 0,
    Failures INTEGER NOT NULL DEFAULT 0,
    FailingSince DATETIME,
    LastFault VARCHAR(500),
    LastReadAt DATETIME,
    NextAt DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    LeaseToken VARCHAR(36),
    LeaseUntil DATETIME,
    CreatedAt DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    CreatedBy VARCHAR(150)
);

-- What a message in one of them said of one recipient; of one that says nothing of any, one row.
CREATE TABLE Rowpost_Bounces (
    Id INTEGER NOT NULL PRIMARY KEY,
    At DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    MailboxId INTEGER NOT NULL,
    Digest VARCHAR(64) NOT NULL,
    Ordinal INTEGER NOT NULL,
    Kind VARCHAR(10) NOT NULL,
    EmailId INTEGER,
    Recipient VARCHAR(320),
    Code INTEGER,
    EnhancedCode VARCHAR(12),
    Reason VARCHAR(500),
    Done VARCHAR(10) NOT NULL,
    Excerpt VARCHAR(2000),
    Place VARCHAR(400) NOT NULL,
    Filing VARCHAR(10),
    CONSTRAINT UQ_Rowpost_Bounces UNIQUE (Digest, Ordinal)
);

CREATE INDEX IX_Rowpost_Bounces_Place ON Rowpost_Bounces (MailboxId, Place);

CREATE INDEX IX_Rowpost_Bounces_Kind ON Rowpost_Bounces (Kind, Id);

CREATE INDEX IX_Rowpost_Bounces_Done ON Rowpost_Bounces (Done, Id);

CREATE INDEX IX_Rowpost_Bounces_Email ON Rowpost_Bounces (EmailId) WHERE EmailId IS NOT NULL;

CREATE INDEX IX_Rowpost_Bounces_Unfiled ON Rowpost_Bounces (MailboxId) WHERE Filing IS NOT NULL;

CREATE INDEX IX_Rowpost_Bounces_Once ON Rowpost_Bounces (Recipient, At) WHERE Done = 'once';
