-- What an email asks for: a mail profile, and what goes into its header.
ALTER TABLE dbo.Rowpost_Options ADD ProfileId INTEGER NULL;

ALTER TABLE dbo.Rowpost_Options ADD Importance NVARCHAR(6) NULL;

ALTER TABLE dbo.Rowpost_Options ADD Sensitivity NVARCHAR(12) NULL;

-- Where answers to the emails of an account go, and what it is for.
ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_ReplyTo NVARCHAR(255) NULL;

ALTER TABLE dbo.tbl_EMailParameters ADD Rowpost_Description NVARCHAR(256) NULL;

-- Passwords on their way from SQL into the secret store: until then the account sends nothing.
CREATE TABLE dbo.Rowpost_PendingPasswords (
    AccountId INTEGER NOT NULL,
    Password NVARCHAR(128) NOT NULL,
    Since DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    PRIMARY KEY (AccountId)
);

-- A profile is a list of accounts in their order.
CREATE TABLE dbo.Rowpost_MailProfiles (
    Id INTEGER NOT NULL IDENTITY,
    Name NVARCHAR(128) NOT NULL,
    Description NVARCHAR(256) NULL,
    ModifiedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    ModifiedBy NVARCHAR(128) NULL,
    PRIMARY KEY (Id),
    CONSTRAINT SYSMAIL_PROFILE_NameMustBeUnique UNIQUE (Name)
);

CREATE TABLE dbo.Rowpost_MailProfileAccounts (
    ProfileId INTEGER NOT NULL,
    AccountId INTEGER NOT NULL,
    SequenceNumber INTEGER NOT NULL,
    ModifiedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    ModifiedBy NVARCHAR(128) NULL,
    PRIMARY KEY (ProfileId, AccountId)
);

-- Who may use a profile.
CREATE TABLE dbo.Rowpost_MailPrincipals (
    Principal NVARCHAR(200) NOT NULL,
    ProfileId INTEGER NOT NULL,
    Sid NVARCHAR(172) NULL,
    IsDefault BIT NOT NULL DEFAULT 0,
    ModifiedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    ModifiedBy NVARCHAR(128) NULL,
    PRIMARY KEY (Principal, ProfileId)
);

-- What sysmail_configure_sp sets.
CREATE TABLE dbo.Rowpost_MailConfiguration (
    Name NVARCHAR(256) NOT NULL,
    Value NVARCHAR(256) NULL,
    Description NVARCHAR(256) NULL,
    ModifiedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    ModifiedBy NVARCHAR(128) NULL,
    PRIMARY KEY (Name)
);

-- An email as sp_send_dbmail was given it.
CREATE TABLE dbo.Rowpost_MailItems (
    Id INTEGER NOT NULL IDENTITY,
    EmailId INTEGER NOT NULL,
    Number INTEGER NULL,
    ProfileId INTEGER NOT NULL,
    Recipients NVARCHAR(max) NULL,
    CopyRecipients NVARCHAR(max) NULL,
    BlindCopyRecipients NVARCHAR(max) NULL,
    Subject NVARCHAR(255) NULL,
    FromAddress NVARCHAR(max) NULL,
    ReplyTo NVARCHAR(max) NULL,
    BodyFormat NVARCHAR(20) NULL,
    Importance NVARCHAR(6) NULL,
    Sensitivity NVARCHAR(12) NULL,
    FileAttachments NVARCHAR(max) NULL,
    Query NVARCHAR(max) NULL,
    ExecuteQueryDatabase NVARCHAR(128) NULL,
    AttachQueryResultAsFile BIT NULL,
    QueryAttachmentFilename NVARCHAR(260) NULL,
    QueryResultHeader BIT NULL,
    QueryResultWidth INTEGER NULL,
    QueryResultSeparator NVARCHAR(1) NULL,
    QueryNoTruncate BIT NULL,
    QueryResultNoPadding BIT NULL,
    QueryResultFormat NVARCHAR(4) NULL,
    ExcludeQueryOutput BIT NULL,
    AppendQueryError BIT NULL,
    RequestedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    RequestedBy NVARCHAR(128) NOT NULL,
    DatabaseUser NVARCHAR(128) NULL,
    OriginalLogin NVARCHAR(128) NULL,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_MailItems_Email ON dbo.Rowpost_MailItems (EmailId);

CREATE INDEX IX_Rowpost_MailItems_Number ON dbo.Rowpost_MailItems (Number);

-- What the event log tells beside the tries of emails.
CREATE TABLE dbo.Rowpost_MailLog (
    Id INTEGER NOT NULL IDENTITY,
    EventType NVARCHAR(11) NOT NULL,
    At DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    Description NVARCHAR(max) NOT NULL,
    ProcessId INTEGER NULL,
    EmailId INTEGER NULL,
    AccountId INTEGER NULL,
    ModifiedBy NVARCHAR(128) NULL,
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_MailLog_At ON dbo.Rowpost_MailLog (At);

CREATE TABLE dbo.Rowpost_MailLogCleared (
    EventType NVARCHAR(11) NOT NULL,
    Until DATETIME2(3) NOT NULL,
    PRIMARY KEY (EventType)
);

INSERT INTO dbo.Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'AccountRetryAttempts', NULL, 'Further tries at all accounts of a profile; empty: as Rowpost does, for a day'
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_MailConfiguration WHERE Name = 'AccountRetryAttempts');

INSERT INTO dbo.Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'AccountRetryDelay', NULL, 'Seconds between two tries; empty: as Rowpost does, longer each time'
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_MailConfiguration WHERE Name = 'AccountRetryDelay');

INSERT INTO dbo.Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'DatabaseMailExeMinimumLifeTime', '600', 'Without effect here'
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_MailConfiguration WHERE Name = 'DatabaseMailExeMinimumLifeTime');

INSERT INTO dbo.Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'DefaultAttachmentEncoding', 'MIME', 'Without effect here'
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_MailConfiguration WHERE Name = 'DefaultAttachmentEncoding');

INSERT INTO dbo.Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'LoggingLevel', '2', 'What the event log shows: 1 errors, 2 also warnings and information, 3 also success'
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_MailConfiguration WHERE Name = 'LoggingLevel');

INSERT INTO dbo.Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'MaxFileSize', '1000000', 'Bytes that an attachment or a query result may have'
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_MailConfiguration WHERE Name = 'MaxFileSize');

INSERT INTO dbo.Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'ProhibitedExtensions', 'exe,dll,vbs,js', 'Extensions that no attachment may have, with commas between'
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_MailConfiguration WHERE Name = 'ProhibitedExtensions');

INSERT INTO dbo.Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'Rowpost.Status', 'STARTED', 'STARTED, or STOPPED: then nothing is taken, and nothing of it is sent'
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_MailConfiguration WHERE Name = 'Rowpost.Status');

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_PendingPasswords TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_MailProfiles TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_MailProfileAccounts TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_MailPrincipals TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_MailConfiguration TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_MailItems TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_MailLog TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_MailLogCleared TO rowpost_service;
