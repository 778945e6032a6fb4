-- What an email asks for: a mail profile, and what goes into its header.
ALTER TABLE Rowpost_Options ADD ProfileId INTEGER NULL;

ALTER TABLE Rowpost_Options ADD Importance VARCHAR(6);

ALTER TABLE Rowpost_Options ADD Sensitivity VARCHAR(12);

-- Where answers to the emails of an account go, and what it is for.
ALTER TABLE tbl_EMailParameters ADD Rowpost_ReplyTo VARCHAR(255);

ALTER TABLE tbl_EMailParameters ADD Rowpost_Description VARCHAR(256);

-- Passwords on their way from SQL into the secret store: until then the account sends nothing.
CREATE TABLE Rowpost_PendingPasswords (
    AccountId INTEGER NOT NULL,
    Password VARCHAR(128) NOT NULL,
    Since DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    PRIMARY KEY (AccountId)
);

-- A profile is a list of accounts in their order.
CREATE TABLE Rowpost_MailProfiles (
    Id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    Name VARCHAR(128) NOT NULL,
    Description VARCHAR(256),
    ModifiedAt DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    ModifiedBy VARCHAR(128),
    CONSTRAINT SYSMAIL_PROFILE_NameMustBeUnique UNIQUE (Name)
);

CREATE TABLE Rowpost_MailProfileAccounts (
    ProfileId INTEGER NOT NULL,
    AccountId INTEGER NOT NULL,
    SequenceNumber INTEGER NOT NULL,
    ModifiedAt DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    ModifiedBy VARCHAR(128),
    PRIMARY KEY (ProfileId, AccountId)
);

-- Who may use a profile.
CREATE TABLE Rowpost_MailPrincipals (
    Principal VARCHAR(200) NOT NULL,
    ProfileId INTEGER NOT NULL,
    Sid VARCHAR(172),
    IsDefault INTEGER DEFAULT 0 NOT NULL,
    ModifiedAt DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    ModifiedBy VARCHAR(128),
    PRIMARY KEY (Principal, ProfileId)
);

-- What sysmail_configure_sp sets.
CREATE TABLE Rowpost_MailConfiguration (
    Name VARCHAR(256) NOT NULL,
    Value VARCHAR(256),
    Description VARCHAR(256),
    ModifiedAt DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    ModifiedBy VARCHAR(128),
    PRIMARY KEY (Name)
);

-- An email as sp_send_dbmail was given it.
CREATE TABLE Rowpost_MailItems (
    Id INTEGER NOT NULL,
    EmailId INTEGER NOT NULL,
    Number INTEGER,
    ProfileId INTEGER NOT NULL,
    Recipients TEXT,
    CopyRecipients TEXT,
    BlindCopyRecipients TEXT,
    Subject VARCHAR(255),
    FromAddress TEXT,
    ReplyTo TEXT,
    BodyFormat VARCHAR(20),
    Importance VARCHAR(6),
    Sensitivity VARCHAR(12),
    FileAttachments TEXT,
    Query TEXT,
    ExecuteQueryDatabase VARCHAR(128),
    AttachQueryResultAsFile INTEGER,
    QueryAttachmentFilename VARCHAR(260),
    QueryResultHeader INTEGER,
    QueryResultWidth INTEGER,
    QueryResultSeparator VARCHAR(1),
    QueryNoTruncate INTEGER,
    QueryResultNoPadding INTEGER,
    QueryResultFormat VARCHAR(4),
    ExcludeQueryOutput INTEGER,
    AppendQueryError INTEGER,
    RequestedAt DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    RequestedBy VARCHAR(128) NOT NULL,
    DatabaseUser VARCHAR(128),
    OriginalLogin VARCHAR(128),
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_MailItems_Email ON Rowpost_MailItems (EmailId);

CREATE INDEX IX_Rowpost_MailItems_Number ON Rowpost_MailItems (Number);

-- What the event log tells beside the tries of emails.
CREATE TABLE Rowpost_MailLog (
    Id INTEGER NOT NULL,
    EventType VARCHAR(11) NOT NULL,
    At DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    Description TEXT NOT NULL,
    ProcessId INTEGER,
    EmailId INTEGER,
    AccountId INTEGER,
    ModifiedBy VARCHAR(128),
    PRIMARY KEY (Id)
);

CREATE INDEX IX_Rowpost_MailLog_At ON Rowpost_MailLog (At);

CREATE TABLE Rowpost_MailLogCleared (
    EventType VARCHAR(11) NOT NULL,
    Until DATETIME NOT NULL,
    PRIMARY KEY (EventType)
);

INSERT INTO Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'AccountRetryAttempts', NULL, 'Further tries at all accounts of a profile; empty: as Rowpost does, for a day'
WHERE NOT EXISTS (SELECT 1 FROM Rowpost_MailConfiguration WHERE Name = 'AccountRetryAttempts');

INSERT INTO Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'AccountRetryDelay', NULL, 'Seconds between two tries; empty: as Rowpost does, longer each time'
WHERE NOT EXISTS (SELECT 1 FROM Rowpost_MailConfiguration WHERE Name = 'AccountRetryDelay');

INSERT INTO Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'DatabaseMailExeMinimumLifeTime', '600', 'Without effect here'
WHERE NOT EXISTS (SELECT 1 FROM Rowpost_MailConfiguration WHERE Name = 'DatabaseMailExeMinimumLifeTime');

INSERT INTO Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'DefaultAttachmentEncoding', 'MIME', 'Without effect here'
WHERE NOT EXISTS (SELECT 1 FROM Rowpost_MailConfiguration WHERE Name = 'DefaultAttachmentEncoding');

INSERT INTO Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'LoggingLevel', '2', 'What the event log shows: 1 errors, 2 also warnings and information, 3 also success'
WHERE NOT EXISTS (SELECT 1 FROM Rowpost_MailConfiguration WHERE Name = 'LoggingLevel');

INSERT INTO Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'MaxFileSize', '1000000', 'Bytes that an attachment or a query result may have'
WHERE NOT EXISTS (SELECT 1 FROM Rowpost_MailConfiguration WHERE Name = 'MaxFileSize');

INSERT INTO Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'ProhibitedExtensions', 'exe,dll,vbs,js', 'Extensions that no attachment may have, with commas between'
WHERE NOT EXISTS (SELECT 1 FROM Rowpost_MailConfiguration WHERE Name = 'ProhibitedExtensions');

INSERT INTO Rowpost_MailConfiguration (Name, Value, Description)
SELECT 'Rowpost.Status', 'STARTED', 'STARTED, or STOPPED: then nothing is taken, and nothing of it is sent'
WHERE NOT EXISTS (SELECT 1 FROM Rowpost_MailConfiguration WHERE Name = 'Rowpost.Status');
