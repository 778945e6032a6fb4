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
    dd_Priority INTEGER NULL DEFAULT 3,
    dd_Lane NVARCHAR(10) NULL DEFAULT 'scheduled',
    dd_SendAt DATETIME2(3) NULL,
    dd_ExpiresAt DATETIME2(3) NULL,
    dd_NextAttemptDate DATETIME2(3) NULL,
    dd_MessageId NVARCHAR(255) NULL,
    dd_IsHtml BIT NULL,
    dd_TextAlternative NVARCHAR(max) NULL,
    dd_CreatedDate DATETIME2(3) NULL DEFAULT SYSUTCDATETIME(),
    dd_LeaseToken NVARCHAR(36) NULL,
    dd_LeaseUntil DATETIME2(3) NULL,
    dd_LostLeases INTEGER NULL,
    dd_ReplyTo NVARCHAR(500) NULL,
    dd_Headers NVARCHAR(max) NULL,
    dd_Tags NVARCHAR(1100) NULL,
    dd_Origin NVARCHAR(20) NULL,
    dd_StoredBy NVARCHAR(150) NULL,
    dd_RequestId NVARCHAR(36) NULL,
    dd_EndedDate DATETIME2(3) NULL,
    dd_EmptiedDate DATETIME2(3) NULL,
    dd_Uncertain BIT NULL,
    dd_AttachmentCount INTEGER NULL,
    dd_Sender NVARCHAR(500) NULL,
    PRIMARY KEY (dd_srno)
);

ALTER TABLE dbo.Digital_Emaildetails ADD dd_bccEmailid NVARCHAR(500) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_Priority INTEGER NULL DEFAULT 3;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_Lane NVARCHAR(10) NULL DEFAULT 'scheduled';

ALTER TABLE dbo.Digital_Emaildetails ADD dd_SendAt DATETIME2(3) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_ExpiresAt DATETIME2(3) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_NextAttemptDate DATETIME2(3) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_MessageId NVARCHAR(255) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_IsHtml BIT NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_TextAlternative NVARCHAR(max) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_CreatedDate DATETIME2(3) NULL DEFAULT SYSUTCDATETIME();

ALTER TABLE dbo.Digital_Emaildetails ADD dd_LeaseToken NVARCHAR(36) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_LeaseUntil DATETIME2(3) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_LostLeases INTEGER NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_ReplyTo NVARCHAR(500) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_Headers NVARCHAR(max) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_Tags NVARCHAR(1100) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_Origin NVARCHAR(20) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_StoredBy NVARCHAR(150) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_RequestId NVARCHAR(36) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_EndedDate DATETIME2(3) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_EmptiedDate DATETIME2(3) NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_Uncertain BIT NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_AttachmentCount INTEGER NULL;

ALTER TABLE dbo.Digital_Emaildetails ADD dd_Sender NVARCHAR(500) NULL;

CREATE INDEX IX_Rowpost_Ended ON dbo.Digital_Emaildetails (dd_SendFlag, dd_EndedDate, dd_srno)
    WHERE dd_SendFlag IN ('Y', 'F', 'C');

CREATE INDEX IX_Rowpost_Expiring ON dbo.Digital_Emaildetails (dd_ExpiresAt)
    WHERE dd_SendFlag = 'N' AND dd_ExpiresAt IS NOT NULL;

CREATE INDEX IX_Rowpost_Keyed ON dbo.Digital_Emaildetails (dd_srno)
    WHERE dd_Origin = 'key';

CREATE INDEX IX_Rowpost_Later ON dbo.Digital_Emaildetails (dd_NextAttemptDate)
    WHERE dd_SendFlag = 'N' AND dd_NextAttemptDate IS NOT NULL;

CREATE INDEX IX_Rowpost_Leased ON dbo.Digital_Emaildetails (dd_LeaseUntil, dd_LeaseToken)
    WHERE dd_SendFlag IN ('P', 'T');

CREATE INDEX IX_Rowpost_NoLane ON dbo.Digital_Emaildetails (dd_Lane, dd_srno)
    WHERE dd_SendFlag = 'N' AND dd_Lane IS NULL;

CREATE INDEX IX_Rowpost_NoPriority ON dbo.Digital_Emaildetails (dd_Priority, dd_srno)
    WHERE dd_SendFlag = 'N' AND dd_Priority IS NULL;

CREATE INDEX IX_Rowpost_Oldest ON dbo.Digital_Emaildetails (dd_CreatedDate)
    WHERE dd_SendFlag = 'N';

CREATE INDEX IX_Rowpost_Ready ON dbo.Digital_Emaildetails (dd_EmailParamCode, dd_Lane, dd_Priority, dd_srno)
    WHERE dd_SendFlag = 'N' AND dd_NextAttemptDate IS NULL;

CREATE INDEX IX_Rowpost_Request ON dbo.Digital_Emaildetails (dd_RequestId)
    WHERE dd_RequestId IS NOT NULL;

CREATE INDEX IX_Rowpost_Retried ON dbo.Digital_Emaildetails (dd_srno)
    WHERE dd_SendFlag = 'N' AND dd_RetryCount > 0;

CREATE INDEX IX_Rowpost_SendAt ON dbo.Digital_Emaildetails (dd_SendAt)
    WHERE dd_SendFlag = 'N' AND dd_SendAt IS NOT NULL AND dd_NextAttemptDate IS NULL;

CREATE INDEX IX_Rowpost_Suspects ON dbo.Digital_Emaildetails (dd_LostLeases, dd_srno)
    WHERE dd_SendFlag = 'N' AND dd_LostLeases IS NOT NULL;

CREATE INDEX IX_Rowpost_Unknown ON dbo.Digital_Emaildetails (dd_srno)
    WHERE dd_SendFlag = 'U';

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
    MovedAt DATETIME2(3) NULL,
    EmptiedUntil DATETIME2(3) NULL,
    LastAccountId INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (Id)
);

CREATE TABLE dbo.Rowpost_Recipients (
    EmailId INTEGER NOT NULL,
    Ordinal INTEGER NOT NULL,
    Kind VARCHAR(3) NOT NULL,
    Address NVARCHAR(320) NOT NULL,
    Name NVARCHAR(255) NULL,
    State VARCHAR(10) NOT NULL,
    Reply NVARCHAR(500) NULL,
    ChangedAt DATETIME2(3) NULL,
    PRIMARY KEY (EmailId, Ordinal)
);

CREATE TABLE dbo.Rowpost_Attempts (
    Id INTEGER NOT NULL IDENTITY,
    EmailId INTEGER NOT NULL,
    At DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    Account NVARCHAR(50) NULL,
    Outcome VARCHAR(20) NOT NULL,
    Code INTEGER NULL,
    EnhancedCode VARCHAR(12) NULL,
    Reply NVARCHAR(500) NULL,
    DurationMs INTEGER NULL,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_Attempts_Email ON dbo.Rowpost_Attempts (EmailId, Id);

CREATE TABLE dbo.Rowpost_Attachments (
    EmailId INTEGER NOT NULL,
    Ordinal INTEGER NOT NULL,
    Filename NVARCHAR(255) NOT NULL,
    ContentType NVARCHAR(255) NULL,
    ContentId NVARCHAR(100) NULL,
    Size INTEGER NOT NULL,
    Sha256 VARCHAR(64) NOT NULL,
    StorageKey NVARCHAR(200) NOT NULL,
    PRIMARY KEY (EmailId, Ordinal)
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

CREATE TABLE dbo.Rowpost_Quotas (
    AccountId INTEGER NOT NULL,
    Minute INTEGER NOT NULL DEFAULT 0,
    MinuteUsed INTEGER NOT NULL DEFAULT 0,
    HourUsed INTEGER NOT NULL DEFAULT 0,
    DayUsed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (AccountId)
);

CREATE TABLE dbo.Rowpost_Reservations (
    EmailId INTEGER NOT NULL,
    Token NVARCHAR(36) NOT NULL,
    AccountId INTEGER NOT NULL,
    Minute INTEGER NOT NULL,
    MinuteUnits INTEGER NOT NULL,
    HourUnits INTEGER NOT NULL,
    DayUnits INTEGER NOT NULL,
    PRIMARY KEY (EmailId)
);

CREATE INDEX IX_Rowpost_Reservations_Token ON dbo.Rowpost_Reservations (Token);

CREATE TABLE dbo.Rowpost_Slots (
    AccountId INTEGER NOT NULL,
    Number INTEGER NOT NULL,
    Token NVARCHAR(36) NULL,
    Until DATETIME2(3) NULL,
    PRIMARY KEY (AccountId, Number)
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
    EmailId INTEGER NOT NULL,
    Id VARCHAR(36) NOT NULL,
    FullName NVARCHAR(400) NOT NULL,
    Email NVARCHAR(640) NOT NULL,
    Phone NVARCHAR(100) NULL,
    JobProfession NVARCHAR(200) NULL,
    Subject NVARCHAR(400) NOT NULL,
    Message NVARCHAR(max) NOT NULL,
    Filename NVARCHAR(510) NULL,
    ChangedAt DATETIME2(3) NULL,
    PRIMARY KEY (EmailId),
    CONSTRAINT UQ_Rowpost_Contacts UNIQUE (Id)
);

INSERT INTO dbo.Rowpost_Service (Id, State)
SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM dbo.Digital_Emaildetails) THEN 'stopped' ELSE 'running' END
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_Service WHERE Id = 1);
