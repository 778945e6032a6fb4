-- Where bounces come in, how far each mailbox has been read, and how that has gone.
CREATE TABLE dbo.Rowpost_BounceMailboxes (
    Id INTEGER NOT NULL IDENTITY,
    Name NVARCHAR(100) NOT NULL,
    Kind VARCHAR(10) NOT NULL,
    Host NVARCHAR(255) NOT NULL,
    Port INTEGER NOT NULL,
    Tls VARCHAR(10) NOT NULL,
    Username NVARCHAR(255) NOT NULL,
    TenantId NVARCHAR(255) NULL,
    ClientId NVARCHAR(100) NULL,
    Secret NVARCHAR(255) NULL,
    Folder NVARCHAR(255) NOT NULL,
    DoneFolder NVARCHAR(255) NULL,
    UnclearFolder NVARCHAR(255) NULL,
    DeletesDone BIT NOT NULL DEFAULT 0,
    Enabled BIT NOT NULL DEFAULT 1,
    Validity BIGINT NOT NULL DEFAULT 0,
    LastRead BIGINT NOT NULL DEFAULT 0,
    Bounced INTEGER NOT NULL DEFAULT 0,
    Complained INTEGER NOT NULL DEFAULT 0,
    Unclear INTEGER NOT NULL DEFAULT 0,
    Others INTEGER NOT NULL DEFAULT 0,
    Failures INTEGER NOT NULL DEFAULT 0,
    FailingSince DATETIME2(3) NULL,
    LastFault NVARCHAR(500) NULL,
    LastReadAt DATETIME2(3) NULL,
    NextAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    LeaseToken VARCHAR(36) NULL,
    LeaseUntil DATETIME2(3) NULL,
    CreatedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    CreatedBy NVARCHAR(150) NULL,
    PRIMARY KEY (Id)
);

-- What a message in one of them said of one recipient; of one that says nothing of any, one row.
CREATE TABLE dbo.Rowpost_Bounces (
    Id BIGINT NOT NULL IDENTITY,
    At DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    MailboxId INTEGER NOT NULL,
    Digest VARCHAR(64) NOT NULL,
    Ordinal INTEGER NOT NULL,
    Kind VARCHAR(10) NOT NULL,
    EmailId INTEGER NULL,
    Recipient NVARCHAR(320) NULL,
    Code INTEGER NULL,
    EnhancedCode VARCHAR(12) NULL,
    Reason NVARCHAR(500) NULL,
    Done VARCHAR(10) NOT NULL,
    Excerpt NVARCHAR(2000) NULL,
    Place NVARCHAR(400) NOT NULL,
    Filing VARCHAR(10) NULL,
    PRIMARY KEY (Id),
    CONSTRAINT UQ_Rowpost_Bounces UNIQUE (Digest, Ordinal)
);

CREATE INDEX IX_Rowpost_Bounces_Place ON dbo.Rowpost_Bounces (MailboxId, Place);

CREATE INDEX IX_Rowpost_Bounces_Kind ON dbo.Rowpost_Bounces (Kind, Id);

CREATE INDEX IX_Rowpost_Bounces_Done ON dbo.Rowpost_Bounces (Done, Id);

CREATE INDEX IX_Rowpost_Bounces_Email ON dbo.Rowpost_Bounces (EmailId) WHERE EmailId IS NOT NULL;

CREATE INDEX IX_Rowpost_Bounces_Unfiled ON dbo.Rowpost_Bounces (MailboxId)
    WHERE Filing IS NOT NULL;

CREATE INDEX IX_Rowpost_Bounces_Once ON dbo.Rowpost_Bounces (Recipient, At) WHERE Done = 'once';

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_BounceMailboxes TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Bounces TO rowpost_service;
