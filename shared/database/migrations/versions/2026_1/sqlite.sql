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
    dd_Priority INTEGER DEFAULT 3,
    dd_Lane VARCHAR(10) DEFAULT 'scheduled',
    dd_SendAt DATETIME,
    dd_ExpiresAt DATETIME,
    dd_NextAttemptDate DATETIME,
    dd_MessageId VARCHAR(255),
    dd_IsHtml INTEGER,
    dd_TextAlternative TEXT,
    dd_CreatedDate DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    dd_LeaseToken VARCHAR(36),
    dd_LeaseUntil DATETIME,
    dd_LostLeases INTEGER,
    dd_ReplyTo VARCHAR(500),
    dd_Headers TEXT,
    dd_Tags VARCHAR(1100),
    dd_Origin VARCHAR(20),
    dd_StoredBy VARCHAR(150),
    dd_RequestId VARCHAR(36),
    dd_EndedDate DATETIME,
    dd_EmptiedDate DATETIME,
    dd_Uncertain INTEGER,
    dd_AttachmentCount INTEGER,
    dd_Sender VARCHAR(500)
);

ALTER TABLE Digital_Emaildetails ADD dd_bccEmailid VARCHAR(500);

ALTER TABLE Digital_Emaildetails ADD dd_Priority INTEGER;

ALTER TABLE Digital_Emaildetails ADD dd_Lane VARCHAR(10);

ALTER TABLE Digital_Emaildetails ADD dd_SendAt DATETIME;

ALTER TABLE Digital_Emaildetails ADD dd_ExpiresAt DATETIME;

ALTER TABLE Digital_Emaildetails ADD dd_NextAttemptDate DATETIME;

ALTER TABLE Digital_Emaildetails ADD dd_MessageId VARCHAR(255);

ALTER TABLE Digital_Emaildetails ADD dd_IsHtml INTEGER;

ALTER TABLE Digital_Emaildetails ADD dd_TextAlternative TEXT;

ALTER TABLE Digital_Emaildetails ADD dd_CreatedDate DATETIME;

ALTER TABLE Digital_Emaildetails ADD dd_LeaseToken VARCHAR(36);

ALTER TABLE Digital_Emaildetails ADD dd_LeaseUntil DATETIME;

ALTER TABLE Digital_Emaildetails ADD dd_LostLeases INTEGER;

ALTER TABLE Digital_Emaildetails ADD dd_ReplyTo VARCHAR(500);

ALTER TABLE Digital_Emaildetails ADD dd_Headers TEXT;

ALTER TABLE Digital_Emaildetails ADD dd_Tags VARCHAR(1100);

ALTER TABLE Digital_Emaildetails ADD dd_Origin VARCHAR(20);

ALTER TABLE Digital_Emaildetails ADD dd_StoredBy VARCHAR(150);

ALTER TABLE Digital_Emaildetails ADD dd_RequestId VARCHAR(36);

ALTER TABLE Digital_Emaildetails ADD dd_EndedDate DATETIME;

ALTER TABLE Digital_Emaildetails ADD dd_EmptiedDate DATETIME;

ALTER TABLE Digital_Emaildetails ADD dd_Uncertain INTEGER;

ALTER TABLE Digital_Emaildetails ADD dd_AttachmentCount INTEGER;

ALTER TABLE Digital_Emaildetails ADD dd_Sender VARCHAR(500);

CREATE INDEX IX_Rowpost_Ended ON Digital_Emaildetails (dd_SendFlag, dd_EndedDate, dd_srno)
    WHERE dd_SendFlag IN ('Y', 'F', 'C');

CREATE INDEX IX_Rowpost_Expiring ON Digital_Emaildetails (dd_ExpiresAt)
    WHERE dd_SendFlag = 'N' AND dd_ExpiresAt IS NOT NULL;

CREATE INDEX IX_Rowpost_Keyed ON Digital_Emaildetails (dd_srno)
    WHERE dd_Origin = 'key';

CREATE INDEX IX_Rowpost_Later ON Digital_Emaildetails (dd_NextAttemptDate)
    WHERE dd_SendFlag = 'N' AND dd_NextAttemptDate IS NOT NULL;

CREATE INDEX IX_Rowpost_Leased ON Digital_Emaildetails (dd_LeaseUntil, dd_LeaseToken)
    WHERE dd_SendFlag IN ('P', 'T');

CREATE INDEX IX_Rowpost_NoLane ON Digital_Emaildetails (dd_Lane, dd_srno)
    WHERE dd_SendFlag = 'N' AND dd_Lane IS NULL;

CREATE INDEX IX_Rowpost_NoPriority ON Digital_Emaildetails (dd_Priority, dd_srno)
    WHERE dd_SendFlag = 'N' AND dd_Priority IS NULL;

CREATE INDEX IX_Rowpost_Oldest ON Digital_Emaildetails (dd_CreatedDate)
    WHERE dd_SendFlag = 'N';

CREATE INDEX IX_Rowpost_Ready ON Digital_Emaildetails (dd_EmailParamCode, dd_Lane, dd_Priority, dd_srno)
    WHERE dd_SendFlag = 'N' AND dd_NextAttemptDate IS NULL;

CREATE INDEX IX_Rowpost_Request ON Digital_Emaildetails (dd_RequestId)
    WHERE dd_RequestId IS NOT NULL;

CREATE INDEX IX_Rowpost_Retried ON Digital_Emaildetails (dd_srno)
    WHERE dd_SendFlag = 'N' AND dd_RetryCount > 0;

CREATE INDEX IX_Rowpost_SendAt ON Digital_Emaildetails (dd_SendAt)
    WHERE dd_SendFlag = 'N' AND dd_SendAt IS NOT NULL AND dd_NextAttemptDate IS NULL;

CREATE INDEX IX_Rowpost_Suspects ON Digital_Emaildetails (dd_LostLeases, dd_srno)
    WHERE dd_SendFlag = 'N' AND dd_LostLeases IS NOT NULL;

CREATE INDEX IX_Rowpost_Unknown ON Digital_Emaildetails (dd_srno)
    WHERE dd_SendFlag = 'U';

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
    MovedAt DATETIME,
    EmptiedUntil DATETIME,
    LastAccountId INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (Id)
);

CREATE TABLE Rowpost_Recipients (
    EmailId INTEGER NOT NULL,
    Ordinal INTEGER NOT NULL,
    Kind VARCHAR(3) NOT NULL,
    Address VARCHAR(320) NOT NULL,
    Name VARCHAR(255),
    State VARCHAR(10) NOT NULL,
    Reply VARCHAR(500),
    ChangedAt DATETIME,
    PRIMARY KEY (EmailId, Ordinal)
);

CREATE TABLE Rowpost_Attempts (
    Id INTEGER NOT NULL,
    EmailId INTEGER NOT NULL,
    At DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    Account VARCHAR(50),
    Outcome VARCHAR(20) NOT NULL,
    Code INTEGER,
    EnhancedCode VARCHAR(12),
    Reply VARCHAR(500),
    DurationMs INTEGER,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_Attempts_Email ON Rowpost_Attempts (EmailId, Id);

CREATE TABLE Rowpost_Attachments (
    EmailId INTEGER NOT NULL,
    Ordinal INTEGER NOT NULL,
    Filename VARCHAR(255) NOT NULL,
    ContentType VARCHAR(255),
    ContentId VARCHAR(100),
    Size INTEGER NOT NULL,
    Sha256 VARCHAR(64) NOT NULL,
    StorageKey VARCHAR(200) NOT NULL,
    PRIMARY KEY (EmailId, Ordinal)
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

CREATE TABLE Rowpost_Quotas (
    AccountId INTEGER NOT NULL,
    Minute INTEGER DEFAULT 0 NOT NULL,
    MinuteUsed INTEGER DEFAULT 0 NOT NULL,
    HourUsed INTEGER DEFAULT 0 NOT NULL,
    DayUsed INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (AccountId)
);

CREATE TABLE Rowpost_Reservations (
    EmailId INTEGER NOT NULL,
    Token VARCHAR(36) NOT NULL,
    AccountId INTEGER NOT NULL,
    Minute INTEGER NOT NULL,
    MinuteUnits INTEGER NOT NULL,
    HourUnits INTEGER NOT NULL,
    DayUnits INTEGER NOT NULL,
    PRIMARY KEY (EmailId)
);

CREATE INDEX IX_Rowpost_Reservations_Token ON Rowpost_Reservations (Token);

CREATE TABLE Rowpost_Slots (
    AccountId INTEGER NOT NULL,
    Number INTEGER NOT NULL,
    Token VARCHAR(36),
    Until DATETIME,
    PRIMARY KEY (AccountId, Number)
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
    EmailId INTEGER NOT NULL,
    Id VARCHAR(36) NOT NULL,
    FullName VARCHAR(400) NOT NULL,
    Email VARCHAR(640) NOT NULL,
    Phone VARCHAR(100),
    JobProfession VARCHAR(200),
    Subject VARCHAR(400) NOT NULL,
    Message TEXT NOT NULL,
    Filename VARCHAR(510),
    ChangedAt DATETIME,
    PRIMARY KEY (EmailId),
    CONSTRAINT UQ_Rowpost_Contacts UNIQUE (Id)
);

INSERT INTO Rowpost_Service (Id, State)
SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM Digital_Emaildetails) THEN 'stopped' ELSE 'running' END
WHERE NOT EXISTS (SELECT 1 FROM Rowpost_Service WHERE Id = 1);
