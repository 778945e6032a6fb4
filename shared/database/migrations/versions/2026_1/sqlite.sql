CREATE TABLE Digital_Emaildetails (
    dd_srno INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    dd_document BLOB,
    dd_filename VARCHAR(255),
    dd_toEmailid VARCHAR(500),
    dd_ccEmailid VARCHAR(500),
    dd_subject VARCHAR(500),
    dd_bodyText TEXT,
    dd_SendFlag VARCHAR(1) DEFAULT 'N',
    dd_EmailParamCode VARCHAR(50),
    dd_RetryCount INTEGER DEFAULT 0,
    dd_SentDate DATETIME,
    dd_BounceReason VARCHAR(500),
    dd_LastRetryDate DATETIME,
    dd_bccEmailid VARCHAR(500),
    dd_Priority INTEGER,
    dd_Lane VARCHAR(10),
    dd_SendAt DATETIME,
    dd_ExpiresAt DATETIME,
    dd_IsHtml VARCHAR(5),
    dd_TextAlternative TEXT,
    dd_ReplyTo VARCHAR(500),
    dd_Headers TEXT,
    dd_Tags VARCHAR(1100),
    dd_RequestId VARCHAR(36),
    dd_Sender VARCHAR(500),
    dd_CreatedDate DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);

CREATE INDEX IX_Rowpost_New ON Digital_Emaildetails (dd_SendFlag, dd_srno);

CREATE TABLE Rowpost_Emails (
    Number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    EmailId INTEGER NOT NULL,
    IsCurrent INTEGER DEFAULT 1 NOT NULL,
    FirstNumber INTEGER,
    State VARCHAR(1) NOT NULL,
    AccountCode VARCHAR(50),
    Lane VARCHAR(10) NOT NULL,
    Priority INTEGER NOT NULL,
    NotBefore DATETIME,
    DueSince DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    ExpiresAt DATETIME,
    Retries INTEGER DEFAULT 0 NOT NULL,
    LeaseToken VARCHAR(36),
    LeaseUntil DATETIME,
    LostLeases INTEGER,
    Uncertain INTEGER,
    MessageId VARCHAR(255),
    Fingerprint VARCHAR(32),
    Origin VARCHAR(20),
    StoredBy VARCHAR(150),
    RequestId VARCHAR(36),
    AttachmentCount INTEGER DEFAULT 0 NOT NULL,
    CreatedAt DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    RowCreatedAt DATETIME,
    SentAt DATETIME,
    LastTriedAt DATETIME,
    EndedAt DATETIME,
    EmptiedAt DATETIME,
    Reason VARCHAR(500),
    WriteAfter DATETIME,
    WriteTries INTEGER DEFAULT 0 NOT NULL,
    WriteFault VARCHAR(500)
);

CREATE UNIQUE INDEX IX_Rowpost_Current ON Rowpost_Emails (EmailId)
    WHERE IsCurrent = 1;

CREATE INDEX IX_Rowpost_Due ON Rowpost_Emails (DueSince)
    WHERE State = 'N' AND NotBefore IS NULL;

CREATE INDEX IX_Rowpost_Ended ON Rowpost_Emails (State, EndedAt, Number)
    WHERE State IN ('Y', 'F', 'C');

CREATE INDEX IX_Rowpost_Expiring ON Rowpost_Emails (ExpiresAt)
    WHERE State = 'N' AND ExpiresAt IS NOT NULL;

CREATE INDEX IX_Rowpost_Keyed ON Rowpost_Emails (Number)
    WHERE Origin = 'key';

CREATE INDEX IX_Rowpost_Later ON Rowpost_Emails (NotBefore)
    WHERE State = 'N' AND NotBefore IS NOT NULL;

CREATE INDEX IX_Rowpost_Leased ON Rowpost_Emails (LeaseToken)
    WHERE State IN ('P', 'T');

CREATE INDEX IX_Rowpost_Ready ON Rowpost_Emails (AccountCode, Lane, Priority, Number)
    WHERE State = 'N' AND NotBefore IS NULL;

CREATE INDEX IX_Rowpost_Request ON Rowpost_Emails (RequestId)
    WHERE RequestId IS NOT NULL;

CREATE INDEX IX_Rowpost_Retried ON Rowpost_Emails (Number)
    WHERE State = 'N' AND Retries > 0;

CREATE INDEX IX_Rowpost_Suspects ON Rowpost_Emails (LostLeases, Number)
    WHERE State = 'N' AND LostLeases IS NOT NULL;

CREATE INDEX IX_Rowpost_Unknown ON Rowpost_Emails (Number)
    WHERE State = 'U';

CREATE INDEX IX_Rowpost_Unwritten ON Rowpost_Emails (WriteAfter)
    WHERE WriteAfter IS NOT NULL;

CREATE INDEX IX_Rowpost_Waiting ON Rowpost_Emails (Number)
    WHERE State = 'N';

CREATE TABLE Rowpost_Options (
    Id INTEGER NOT NULL,
    EmailId INTEGER NOT NULL,
    Number INTEGER,
    bccEmailid VARCHAR(500),
    Priority INTEGER,
    Lane VARCHAR(10),
    SendAt DATETIME,
    ExpiresAt DATETIME,
    IsHtml VARCHAR(5),
    TextAlternative TEXT,
    ReplyTo VARCHAR(500),
    Headers TEXT,
    Tags VARCHAR(1100),
    RequestId VARCHAR(36),
    Sender VARCHAR(500),
    CreatedAt DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_Options_Email ON Rowpost_Options (EmailId);

CREATE INDEX IX_Rowpost_Options_Number ON Rowpost_Options (Number);

CREATE TABLE Rowpost_Confidential (
    Number INTEGER NOT NULL,
    Subject VARCHAR(500),
    Body TEXT,
    TextAlternative TEXT,
    PRIMARY KEY (Number)
);

CREATE TABLE Rowpost_Held (
    EmailId INTEGER NOT NULL,
    Reason VARCHAR(500) NOT NULL,
    AccountCode VARCHAR(50),
    Since DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    LookAgainAt DATETIME NOT NULL,
    Confirmed INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (EmailId)
);

CREATE INDEX IX_Rowpost_Held_Code ON Rowpost_Held (AccountCode);

CREATE INDEX IX_Rowpost_Held_LookAgain ON Rowpost_Held (LookAgainAt);

CREATE TABLE tbl_EMailParameters (
    SMTPServer VARCHAR(255),
    SMTPPort INTEGER,
    SMTPAccountName VARCHAR(255),
    SMTPPassword VARCHAR(255),
    SMTPMailId VARCHAR(255),
    ApplicationName VARCHAR(255),
    SMTPSSLFlag VARCHAR(1),
    ParamCode VARCHAR(50),
    IsActive VARCHAR(1),
    Rowpost_Id INTEGER,
    Rowpost_Default VARCHAR(1),
    Rowpost_PlainLogin VARCHAR(1),
    Rowpost_Name VARCHAR(255),
    Rowpost_Preset VARCHAR(30),
    Rowpost_Tls VARCHAR(10),
    Rowpost_MinuteLimit INTEGER,
    Rowpost_HourLimit INTEGER,
    Rowpost_DayLimit INTEGER,
    Rowpost_CountsRecipients VARCHAR(3),
    Rowpost_MaxConnections INTEGER,
    Rowpost_FallbackId INTEGER,
    Rowpost_TenantId VARCHAR(255),
    Rowpost_ClientId VARCHAR(100),
    Rowpost_CreatedDate DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);

ALTER TABLE tbl_EMailParameters ADD Rowpost_Id INTEGER;

ALTER TABLE tbl_EMailParameters ADD Rowpost_Default VARCHAR(1);

ALTER TABLE tbl_EMailParameters ADD Rowpost_PlainLogin VARCHAR(1);

ALTER TABLE tbl_EMailParameters ADD Rowpost_Name VARCHAR(255);

ALTER TABLE tbl_EMailParameters ADD Rowpost_Preset VARCHAR(30);

ALTER TABLE tbl_EMailParameters ADD Rowpost_Tls VARCHAR(10);

ALTER TABLE tbl_EMailParameters ADD Rowpost_MinuteLimit INTEGER;

ALTER TABLE tbl_EMailParameters ADD Rowpost_HourLimit INTEGER;

ALTER TABLE tbl_EMailParameters ADD Rowpost_DayLimit INTEGER;

ALTER TABLE tbl_EMailParameters ADD Rowpost_CountsRecipients VARCHAR(3);

ALTER TABLE tbl_EMailParameters ADD Rowpost_MaxConnections INTEGER;

ALTER TABLE tbl_EMailParameters ADD Rowpost_FallbackId INTEGER;

ALTER TABLE tbl_EMailParameters ADD Rowpost_TenantId VARCHAR(255);

ALTER TABLE tbl_EMailParameters ADD Rowpost_ClientId VARCHAR(100);

ALTER TABLE tbl_EMailParameters ADD Rowpost_CreatedDate DATETIME;

CREATE TABLE Rowpost_Service (
    Id INTEGER NOT NULL,
    State VARCHAR(10) NOT NULL,
    StartedAt DATETIME,
    ChangedBy VARCHAR(100),
    LastActivity DATETIME,
    LastRun DATETIME,
    Runs INTEGER DEFAULT 0 NOT NULL,
    LastTick DATETIME,
    Adopted INTEGER DEFAULT 0 NOT NULL,
    FirstId INTEGER,
    Place VARCHAR(400),
    EmptiedUntil DATETIME,
    LastAccountId INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (Id)
);

CREATE TABLE Rowpost_Relocation (
    Id INTEGER NOT NULL,
    MovedAt DATETIME,
    PRIMARY KEY (Id)
);

CREATE TABLE Rowpost_Recipients (
    Number INTEGER NOT NULL,
    Ordinal INTEGER NOT NULL,
    Kind VARCHAR(3) NOT NULL,
    Address VARCHAR(320) NOT NULL,
    Name VARCHAR(255),
    State VARCHAR(10) NOT NULL,
    Reply VARCHAR(500),
    ChangedAt DATETIME,
    PRIMARY KEY (Number, Ordinal)
);

CREATE TABLE Rowpost_Attempts (
    Id INTEGER NOT NULL,
    Number INTEGER NOT NULL,
    At DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    Account VARCHAR(50),
    Outcome VARCHAR(20) NOT NULL,
    Code INTEGER,
    EnhancedCode VARCHAR(12),
    Reply VARCHAR(500),
    DurationMs INTEGER,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_Attempts_Number ON Rowpost_Attempts (Number, Id);

CREATE TABLE Rowpost_Attachments (
    Number INTEGER NOT NULL,
    Ordinal INTEGER NOT NULL,
    Filename VARCHAR(255) NOT NULL,
    ContentType VARCHAR(255),
    ContentId VARCHAR(100),
    Size INTEGER NOT NULL,
    Sha256 VARCHAR(64) NOT NULL,
    StorageKey VARCHAR(200) NOT NULL,
    PRIMARY KEY (Number, Ordinal)
);

CREATE TABLE Rowpost_LooseFiles (
    StorageKey VARCHAR(200) NOT NULL,
    DeleteAfter DATETIME NOT NULL,
    PRIMARY KEY (StorageKey)
);

CREATE INDEX IX_Rowpost_LooseFiles_DeleteAfter ON Rowpost_LooseFiles (DeleteAfter);

CREATE TABLE Rowpost_Statistics (
    Hour DATETIME NOT NULL,
    Account VARCHAR(50) NOT NULL,
    Sent INTEGER DEFAULT 0 NOT NULL,
    Failed INTEGER DEFAULT 0 NOT NULL,
    Retried INTEGER DEFAULT 0 NOT NULL,
    Unknown INTEGER DEFAULT 0 NOT NULL,
    LastSent DATETIME,
    PRIMARY KEY (Hour, Account)
);

CREATE TABLE Rowpost_Usage (
    AccountId INTEGER NOT NULL,
    PausedUntil DATETIME,
    PauseReason VARCHAR(500),
    PauseCount INTEGER DEFAULT 0 NOT NULL,
    ProbeToken VARCHAR(36),
    ProbeUntil DATETIME,
    PRIMARY KEY (AccountId)
);

CREATE TABLE Rowpost_Idempotency (
    Id VARCHAR(64) NOT NULL,
    Digest VARCHAR(64) NOT NULL,
    CreatedAt DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    Status INTEGER,
    Answer TEXT,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_Idempotency_Created ON Rowpost_Idempotency (CreatedAt);

CREATE TABLE Rowpost_Suppressions (
    Address VARCHAR(320) NOT NULL,
    Reason VARCHAR(500),
    EmailId INTEGER,
    Since DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    Until DATETIME NOT NULL,
    PRIMARY KEY (Address)
);

CREATE INDEX IX_Rowpost_Suppressions_Until ON Rowpost_Suppressions (Until);

CREATE TABLE Rowpost_Limits (
    Id INTEGER NOT NULL,
    KeyHash VARCHAR(32) NOT NULL,
    WindowEnd DATETIME NOT NULL,
    Requests INTEGER NOT NULL,
    PRIMARY KEY (Id),
    CONSTRAINT UQ_Rowpost_Limits UNIQUE (KeyHash, WindowEnd)
);

CREATE INDEX IX_Rowpost_Limits_End ON Rowpost_Limits (WindowEnd);

CREATE TABLE Rowpost_LoginFailures (
    Id INTEGER NOT NULL,
    PairHash VARCHAR(32) NOT NULL,
    ForgottenAt DATETIME NOT NULL,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_LoginFailures_Forgotten ON Rowpost_LoginFailures (ForgottenAt);

CREATE INDEX IX_Rowpost_LoginFailures_Pair ON Rowpost_LoginFailures (PairHash, ForgottenAt);

CREATE TABLE Rowpost_Quotas (
    AccountId INTEGER NOT NULL,
    Minute INTEGER DEFAULT 0 NOT NULL,
    MinuteUsed INTEGER DEFAULT 0 NOT NULL,
    HourUsed INTEGER DEFAULT 0 NOT NULL,
    DayUsed INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (AccountId)
);

CREATE TABLE Rowpost_Reservations (
    Number INTEGER NOT NULL,
    Token VARCHAR(36) NOT NULL,
    AccountId INTEGER NOT NULL,
    Minute INTEGER NOT NULL,
    MinuteUnits INTEGER NOT NULL,
    HourUnits INTEGER NOT NULL,
    DayUnits INTEGER NOT NULL,
    PRIMARY KEY (Number)
);

CREATE INDEX IX_Rowpost_Reservations_Token ON Rowpost_Reservations (Token);

CREATE TABLE Rowpost_Slots (
    AccountId INTEGER NOT NULL,
    Number INTEGER NOT NULL,
    Token VARCHAR(36),
    Until DATETIME,
    PRIMARY KEY (AccountId, Number)
);

CREATE TABLE Rowpost_Keys (
    Id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    Name VARCHAR(100) NOT NULL,
    KeyHash VARCHAR(32) NOT NULL,
    Role VARCHAR(10) NOT NULL,
    AccountId INTEGER NOT NULL,
    CreatedAt DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    CreatedBy VARCHAR(150),
    RevokedAt DATETIME,
    LastUsedAt DATETIME,
    CONSTRAINT UQ_Rowpost_Keys UNIQUE (KeyHash)
);

CREATE TABLE Rowpost_Contacts (
    Number INTEGER NOT NULL,
    Id VARCHAR(36) NOT NULL,
    FullName VARCHAR(400) NOT NULL,
    Email VARCHAR(640) NOT NULL,
    Phone VARCHAR(100),
    JobProfession VARCHAR(200),
    Subject VARCHAR(400) NOT NULL,
    Message TEXT NOT NULL,
    Filename VARCHAR(510),
    ChangedAt DATETIME,
    PRIMARY KEY (Number),
    CONSTRAINT UQ_Rowpost_Contacts UNIQUE (Id)
);

INSERT INTO Rowpost_Service (Id, State, Adopted)
SELECT 1,
    CASE WHEN (SELECT COUNT(*) FROM pragma_table_info('Digital_Emaildetails') WHERE name LIKE 'dd\_%' ESCAPE '\') < 26
        OR EXISTS (SELECT 1 FROM Digital_Emaildetails) THEN 'stopped' ELSE 'running' END,
    CASE WHEN (SELECT COUNT(*) FROM pragma_table_info('Digital_Emaildetails') WHERE name LIKE 'dd\_%' ESCAPE '\') < 26
        OR EXISTS (SELECT 1 FROM Digital_Emaildetails) THEN 1 ELSE 0 END
WHERE NOT EXISTS (SELECT 1 FROM Rowpost_Service WHERE Id = 1);

INSERT INTO Rowpost_Relocation (Id)
SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM Rowpost_Relocation WHERE Id = 1);
