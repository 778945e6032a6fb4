-- Where events are posted to, and how that has gone.
CREATE TABLE dbo.Rowpost_Webhooks (
    Id INTEGER NOT NULL IDENTITY,
    Url NVARCHAR(2000) NOT NULL,
    Types VARCHAR(1000) NULL,
    Enabled BIT NOT NULL DEFAULT 1,
    DisabledReason NVARCHAR(500) NULL,
    Token VARCHAR(16) NOT NULL,
    LastEvent BIGINT NOT NULL,
    Failures INTEGER NOT NULL DEFAULT 0,
    FailingSince DATETIME2(3) NULL,
    RestUntil DATETIME2(3) NULL,
    LastFault NVARCHAR(500) NULL,
    LeaseToken VARCHAR(36) NULL,
    LeaseUntil DATETIME2(3) NULL,
    CreatedAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    CreatedBy NVARCHAR(150) NULL,
    PRIMARY KEY (Id)
);

-- An event that was posted to a webhook, or is to be posted again.
CREATE TABLE dbo.Rowpost_Deliveries (
    Id BIGINT NOT NULL IDENTITY,
    WebhookId INTEGER NOT NULL,
    EventId BIGINT NOT NULL,
    Type VARCHAR(30) NOT NULL,
    State VARCHAR(10) NOT NULL,
    Attempts INTEGER NOT NULL,
    NextAt DATETIME2(3) NULL,
    LastAt DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    Status INTEGER NULL,
    Fault NVARCHAR(500) NULL,
    DurationMs INTEGER NULL,
    PRIMARY KEY (Id),
    CONSTRAINT UQ_Rowpost_Deliveries UNIQUE (WebhookId, EventId)
);

CREATE INDEX IX_Rowpost_Deliveries_Next ON dbo.Rowpost_Deliveries (WebhookId, NextAt)
    WHERE NextAt IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Webhooks TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Deliveries TO rowpost_service;
