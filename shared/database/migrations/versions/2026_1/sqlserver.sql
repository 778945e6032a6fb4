CREATE TABLE dbo.Digital_Emaildetails (
    dd_srno INTEGER NOT NULL IDENTITY,
    dd_document VARBINARY(max) NULL,
    dd_filename NVARCHAR(255) NULL,
    dd_toEmailid NVARCHAR(500) NULL,
    dd_ccEmailid NVARCHAR(500) NULL,
    dd_subject NVARCHAR(500) NULL,
    dd_bodyText NTEXT NULL,
    dd_SendFlag NVARCHAR(1) NULL DEFAULT 'N',
    dd_EmailParamCode NVARCHAR(50) NULL,
    dd_RetryCount INTEGER NULL DEFAULT 0,
    dd_SentDate DATETIME NULL,
    dd_BounceReason NVARCHAR(500) NULL,
    dd_LastRetryDate DATETIME NULL,
    dd_bccEmailid NVARCHAR(500) NULL,
    dd_Priority INTEGER NULL,
    dd_Lane NVARCHAR(10) NULL,
    dd_SendAt DATETIME2(3) NULL,
    dd_ExpiresAt DATETIME2(3) NULL,
    dd_IsHtml NVARCHAR(5) NULL,
    dd_TextAlternative NVARCHAR(max) NULL,
    dd_ReplyTo NVARCHAR(500) NULL,
    dd_Headers NVARCHAR(max) NULL,
    dd_Tags NVARCHAR(1100) NULL,
    dd_RequestId NVARCHAR(36) NULL,
    dd_Sender NVARCHAR(500) NULL,
    dd_CreatedDate DATETIME2(3) NULL DEFAULT SYSUTCDATETIME(),
    PRIMARY KEY (dd_srno)
);

CREATE INDEX IX_Rowpost_New ON dbo.Digital_Emaildetails (dd_SendFlag, dd_srno);

CREATE TABLE dbo.Rowpost_Emails (
    Number INTEGER NOT NULL IDENTITY,
    EmailId INTEGER NOT NULL,
    IsCurrent BIT NOT NULL DEFAULT 1,
    FirstNumber INTEGER NULL,
    State NVARCHAR(1) NOT NULL,
    AccountCode NVARCHAR(50) NULL,
    Lane VARCHAR(10) NOT NULL,
    Priority INTEGER NOT NULL,
    NotBefore DATETIME2(3) NULL,
    DueSince DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    ExpiresAt DATETIME2(3) NULL,
    Retries INTEGER NOT NULL DEFAULT 0,
    LeaseToken VARCHAR(36) NULL,
    LeaseUntil DATETIME2(3) NULL,
    LostLeases INTEGER NULL,
    Uncertain BIT NULL,
    MessageId NVARCHAR(255) NULL,
    Fingerprint VARCHAR(32) NULL,
    Origin VARCHAR(20) NULL,
    StoredBy NVARCHAR(150) NULL,
    RequestId NVARCHAR(36) NULL,
    AttachmentCount INTEGER NOT NULL DEFAULT 0,
    CreatedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    RowCreatedAt DATETIME2(3) NULL,
    SentAt DATETIME2(3) NULL,
    LastTriedAt DATETIME2(3) NULL,
    EndedAt DATETIME2(3) NULL,
    EmptiedAt DATETIME2(3) NULL,
    Reason NVARCHAR(500) NULL,
    WriteAfter DATETIME2(3) NULL,
    WriteTries INTEGER NOT NULL DEFAULT 0,
    WriteFault NVARCHAR(500) NULL,
    PRIMARY KEY (Number)
);

CREATE UNIQUE INDEX IX_Rowpost_Current ON dbo.Rowpost_Emails (EmailId)
    WHERE IsCurrent = 1;

CREATE INDEX IX_Rowpost_Due ON dbo.Rowpost_Emails (DueSince)
    WHERE State = 'N' AND NotBefore IS NULL;

CREATE INDEX IX_Rowpost_Ended ON dbo.Rowpost_Emails (State, EndedAt, Number)
    WHERE State IN ('Y', 'F', 'C');

CREATE INDEX IX_Rowpost_Expiring ON dbo.Rowpost_Emails (ExpiresAt)
    WHERE State = 'N' AND ExpiresAt IS NOT NULL;

CREATE INDEX IX_Rowpost_Keyed ON dbo.Rowpost_Emails (Number)
    WHERE Origin = 'key';

CREATE INDEX IX_Rowpost_Later ON dbo.Rowpost_Emails (NotBefore)
    WHERE State = 'N' AND NotBefore IS NOT NULL;

CREATE INDEX IX_Rowpost_Leased ON dbo.Rowpost_Emails (LeaseToken)
    WHERE State IN ('P', 'T');

CREATE INDEX IX_Rowpost_Ready ON dbo.Rowpost_Emails (AccountCode, Lane, Priority, Number)
    WHERE State = 'N' AND NotBefore IS NULL;

CREATE INDEX IX_Rowpost_Request ON dbo.Rowpost_Emails (RequestId)
    WHERE RequestId IS NOT NULL;

CREATE INDEX IX_Rowpost_Retried ON dbo.Rowpost_Emails (Number)
    WHERE State = 'N' AND Retries > 0;

CREATE INDEX IX_Rowpost_Suspects ON dbo.Rowpost_Emails (LostLeases, Number)
    WHERE State = 'N' AND LostLeases IS NOT NULL;

CREATE INDEX IX_Rowpost_Unknown ON dbo.Rowpost_Emails (Number)
    WHERE State = 'U';

CREATE INDEX IX_Rowpost_Unwritten ON dbo.Rowpost_Emails (WriteAfter)
    WHERE WriteAfter IS NOT NULL;

CREATE INDEX IX_Rowpost_Waiting ON dbo.Rowpost_Emails (Number)
    WHERE State = 'N';

CREATE TABLE dbo.Rowpost_Options (
    Id INTEGER NOT NULL IDENTITY,
    EmailId INTEGER NOT NULL,
    Number INTEGER NULL,
    bccEmailid NVARCHAR(500) NULL,
    Priority INTEGER NULL,
    Lane NVARCHAR(10) NULL,
    SendAt DATETIME2(3) NULL,
    ExpiresAt DATETIME2(3) NULL,
    IsHtml NVARCHAR(5) NULL,
    TextAlternative NVARCHAR(max) NULL,
    ReplyTo NVARCHAR(500) NULL,
    Headers NVARCHAR(max) NULL,
    Tags NVARCHAR(1100) NULL,
    RequestId NVARCHAR(36) NULL,
    Sender NVARCHAR(500) NULL,
    CreatedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_Options_Email ON dbo.Rowpost_Options (EmailId);

CREATE INDEX IX_Rowpost_Options_Number ON dbo.Rowpost_Options (Number);

CREATE TABLE dbo.Rowpost_Confidential (
    Number INTEGER NOT NULL,
    Subject NVARCHAR(500) NULL,
    Body NVARCHAR(max) NULL,
    TextAlternative NVARCHAR(max) NULL,
    PRIMARY KEY (Number)
);

CREATE TABLE dbo.Rowpost_Held (
    EmailId INTEGER NOT NULL,
    Reason NVARCHAR(500) NOT NULL,
    AccountCode NVARCHAR(50) NULL,
    Since DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    LookAgainAt DATETIME2(3) NOT NULL,
    Confirmed BIT NOT NULL DEFAULT 0,
    PRIMARY KEY (EmailId)
);

CREATE INDEX IX_Rowpost_Held_Code ON dbo.Rowpost_Held (AccountCode);

CREATE INDEX IX_Rowpost_Held_LookAgain ON dbo.Rowpost_Held (LookAgainAt);

CREATE TABLE dbo.tbl_EMailParameters (
    SMTPServer NVARCHAR(255) NULL,
    SMTPPort INTEGER NULL,
    SMTPAccountName NVARCHAR(255) NULL,
    SMTPPassword NVARCHAR(255) NULL,
    SMTPMailId NVARCHAR(255) NULL,
    ApplicationName NVARCHAR(255) NULL,
    SMTPSSLFlag NVARCHAR(1) NULL,
    ParamCode NVARCHAR(50) NULL,
    IsActive NVARCHAR(1) NULL,
    Rowpost_Id INTEGER NULL,
    Rowpost_Default NVARCHAR(1) NULL,
    Rowpost_PlainLogin NVARCHAR(1) NULL,
    Rowpost_Name NVARCHAR(255) NULL,
    Rowpost_Preset NVARCHAR(30) NULL,
    Rowpost_Tls NVARCHAR(10) NULL,
    Rowpost_MinuteLimit INTEGER NULL,
    Rowpost_HourLimit INTEGER NULL,
    Rowpost_DayLimit INTEGER NULL,
    Rowpost_CountsRecipients NVARCHAR(3) NULL,
    Rowpost_MaxConnections INTEGER NULL,
    Rowpost_FallbackId INTEGER NULL,
    Rowpost_TenantId NVARCHAR(255) NULL,
    Rowpost_ClientId NVARCHAR(100) NULL,
    Rowpost_CreatedDate DATETIME2(3) NULL DEFAULT SYSUTCDATETIME()
);

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_Id INTEGER NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_Default NVARCHAR(1) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_PlainLogin NVARCHAR(1) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_Name NVARCHAR(255) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_Preset NVARCHAR(30) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_Tls NVARCHAR(10) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_MinuteLimit INTEGER NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_HourLimit INTEGER NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_DayLimit INTEGER NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_CountsRecipients NVARCHAR(3) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_MaxConnections INTEGER NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_FallbackId INTEGER NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_TenantId NVARCHAR(255) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_ClientId NVARCHAR(100) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_CreatedDate DATETIME2(3) NULL DEFAULT SYSUTCDATETIME();

CREATE TABLE dbo.Rowpost_Service (
    Id INTEGER NOT NULL,
    State NVARCHAR(10) NOT NULL,
    StartedAt DATETIME2(3) NULL,
    ChangedBy NVARCHAR(100) NULL,
    LastActivity DATETIME2(3) NULL,
    LastRun DATETIME2(3) NULL,
    Runs INTEGER NOT NULL DEFAULT 0,
    LastTick DATETIME2(3) NULL,
    Adopted BIT NOT NULL DEFAULT 0,
    FirstId INTEGER NULL,
    Place NVARCHAR(400) NULL,
    EmptiedUntil DATETIME2(3) NULL,
    LastAccountId INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (Id)
);

CREATE TABLE dbo.Rowpost_Relocation (
    Id INTEGER NOT NULL,
    MovedAt DATETIME2(3) NULL,
    PRIMARY KEY (Id)
);

CREATE TABLE dbo.Rowpost_Recipients (
    Number INTEGER NOT NULL,
    Ordinal INTEGER NOT NULL,
    Kind VARCHAR(3) NOT NULL,
    Address NVARCHAR(320) NOT NULL,
    Name NVARCHAR(255) NULL,
    State VARCHAR(10) NOT NULL,
    Reply NVARCHAR(500) NULL,
    ChangedAt DATETIME2(3) NULL,
    PRIMARY KEY (Number, Ordinal)
);

CREATE TABLE dbo.Rowpost_Attempts (
    Id INTEGER NOT NULL IDENTITY,
    Number INTEGER NOT NULL,
    At DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    Account NVARCHAR(50) NULL,
    Outcome VARCHAR(20) NOT NULL,
    Code INTEGER NULL,
    EnhancedCode VARCHAR(12) NULL,
    Reply NVARCHAR(500) NULL,
    DurationMs INTEGER NULL,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_Attempts_Number ON dbo.Rowpost_Attempts (Number, Id);

CREATE TABLE dbo.Rowpost_Attachments (
    Number INTEGER NOT NULL,
    Ordinal INTEGER NOT NULL,
    Filename NVARCHAR(255) NOT NULL,
    ContentType NVARCHAR(255) NULL,
    ContentId NVARCHAR(100) NULL,
    Size INTEGER NOT NULL,
    Sha256 VARCHAR(64) NOT NULL,
    StorageKey NVARCHAR(200) NOT NULL,
    PRIMARY KEY (Number, Ordinal)
);

CREATE TABLE dbo.Rowpost_LooseFiles (
    StorageKey NVARCHAR(200) NOT NULL,
    DeleteAfter DATETIME2(3) NOT NULL,
    PRIMARY KEY (StorageKey)
);

CREATE INDEX IX_Rowpost_LooseFiles_DeleteAfter ON dbo.Rowpost_LooseFiles (DeleteAfter);

CREATE TABLE dbo.Rowpost_Statistics (
    Hour DATETIME2(3) NOT NULL,
    Account NVARCHAR(50) NOT NULL,
    Sent INTEGER NOT NULL DEFAULT 0,
    Failed INTEGER NOT NULL DEFAULT 0,
    Retried INTEGER NOT NULL DEFAULT 0,
    Unknown INTEGER NOT NULL DEFAULT 0,
    LastSent DATETIME2(3) NULL,
    PRIMARY KEY (Hour, Account)
);

CREATE TABLE dbo.Rowpost_Usage (
    AccountId INTEGER NOT NULL,
    PausedUntil DATETIME2(3) NULL,
    PauseReason NVARCHAR(500) NULL,
    PauseCount INTEGER NOT NULL DEFAULT 0,
    ProbeToken NVARCHAR(36) NULL,
    ProbeUntil DATETIME2(3) NULL,
    PRIMARY KEY (AccountId)
);

CREATE TABLE dbo.Rowpost_Idempotency (
    Id VARCHAR(64) NOT NULL,
    Digest VARCHAR(64) NOT NULL,
    CreatedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    Status INTEGER NULL,
    Answer NVARCHAR(max) NULL,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_Idempotency_Created ON dbo.Rowpost_Idempotency (CreatedAt);

CREATE TABLE dbo.Rowpost_Suppressions (
    Address NVARCHAR(320) NOT NULL,
    Reason NVARCHAR(500) NULL,
    EmailId INTEGER NULL,
    Since DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    Until DATETIME2(3) NOT NULL,
    PRIMARY KEY (Address)
);

CREATE INDEX IX_Rowpost_Suppressions_Until ON dbo.Rowpost_Suppressions (Until);

CREATE TABLE dbo.Rowpost_Limits (
    Id INTEGER NOT NULL IDENTITY,
    KeyHash VARCHAR(32) NOT NULL,
    WindowEnd DATETIME2(3) NOT NULL,
    Requests INTEGER NOT NULL,
    PRIMARY KEY (Id),
    CONSTRAINT UQ_Rowpost_Limits UNIQUE (KeyHash, WindowEnd)
);

CREATE INDEX IX_Rowpost_Limits_End ON dbo.Rowpost_Limits (WindowEnd);

CREATE TABLE dbo.Rowpost_LoginFailures (
    Id INTEGER NOT NULL IDENTITY,
    PairHash VARCHAR(32) NOT NULL,
    ForgottenAt DATETIME2(3) NOT NULL,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_LoginFailures_Forgotten ON dbo.Rowpost_LoginFailures (ForgottenAt);

CREATE INDEX IX_Rowpost_LoginFailures_Pair ON dbo.Rowpost_LoginFailures (PairHash, ForgottenAt);

CREATE TABLE dbo.Rowpost_Quotas (
    AccountId INTEGER NOT NULL,
    Minute INTEGER NOT NULL DEFAULT 0,
    MinuteUsed INTEGER NOT NULL DEFAULT 0,
    HourUsed INTEGER NOT NULL DEFAULT 0,
    DayUsed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (AccountId)
);

CREATE TABLE dbo.Rowpost_Reservations (
    Number INTEGER NOT NULL,
    Token NVARCHAR(36) NOT NULL,
    AccountId INTEGER NOT NULL,
    Minute INTEGER NOT NULL,
    MinuteUnits INTEGER NOT NULL,
    HourUnits INTEGER NOT NULL,
    DayUnits INTEGER NOT NULL,
    PRIMARY KEY (Number)
);

CREATE INDEX IX_Rowpost_Reservations_Token ON dbo.Rowpost_Reservations (Token);

CREATE TABLE dbo.Rowpost_Slots (
    AccountId INTEGER NOT NULL,
    Number INTEGER NOT NULL,
    Token NVARCHAR(36) NULL,
    Until DATETIME2(3) NULL,
    PRIMARY KEY (AccountId, Number)
);

CREATE TABLE dbo.Rowpost_Keys (
    Id INTEGER NOT NULL IDENTITY,
    Name NVARCHAR(100) NOT NULL,
    KeyHash VARCHAR(32) NOT NULL,
    Role VARCHAR(10) NOT NULL,
    AccountId INTEGER NOT NULL,
    CreatedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    CreatedBy NVARCHAR(150) NULL,
    RevokedAt DATETIME2(3) NULL,
    LastUsedAt DATETIME2(3) NULL,
    PRIMARY KEY (Id),
    CONSTRAINT UQ_Rowpost_Keys UNIQUE (KeyHash)
);

CREATE TABLE dbo.Rowpost_Contacts (
    Number INTEGER NOT NULL,
    Id VARCHAR(36) NOT NULL,
    FullName NVARCHAR(400) NOT NULL,
    Email NVARCHAR(640) NOT NULL,
    Phone NVARCHAR(100) NULL,
    JobProfession NVARCHAR(200) NULL,
    Subject NVARCHAR(400) NOT NULL,
    Message NVARCHAR(max) NOT NULL,
    Filename NVARCHAR(510) NULL,
    ChangedAt DATETIME2(3) NULL,
    PRIMARY KEY (Number),
    CONSTRAINT UQ_Rowpost_Contacts UNIQUE (Id)
);

INSERT INTO dbo.Rowpost_Service (Id, State, Adopted)
SELECT 1,
    CASE WHEN (SELECT COUNT(*) FROM sys.columns WHERE object_id = OBJECT_ID(N'dbo.Digital_Emaildetails')
        AND name LIKE N'dd[_]%') < 26
        OR EXISTS (SELECT 1 FROM dbo.Digital_Emaildetails) THEN 'stopped' ELSE 'running' END,
    CASE WHEN (SELECT COUNT(*) FROM sys.columns WHERE object_id = OBJECT_ID(N'dbo.Digital_Emaildetails')
        AND name LIKE N'dd[_]%') < 26
        OR EXISTS (SELECT 1 FROM dbo.Digital_Emaildetails) THEN 1 ELSE 0 END
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_Service WHERE Id = 1);

INSERT INTO dbo.Rowpost_Relocation (Id)
SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_Relocation WHERE Id = 1);

-- The service's rights, for whoever has it run as a user that is a member: docs/adopt.md.
CREATE ROLE rowpost_service;

GRANT SELECT ON dbo.Rowpost_Migrations TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Digital_Emaildetails TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Emails TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Options TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Confidential TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Held TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.tbl_EMailParameters TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Service TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Relocation TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Recipients TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Attempts TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Attachments TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_LooseFiles TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Statistics TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Usage TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Idempotency TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Suppressions TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Limits TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_LoginFailures TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Quotas TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Reservations TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Slots TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Keys TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Contacts TO rowpost_service;
