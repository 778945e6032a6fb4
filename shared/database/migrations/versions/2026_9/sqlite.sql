-- Where events are posted to, and how that has gone.
CREATE TABLE Rowpost_Webhooks (
    Id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    Url VARCHAR(2000) NOT NULL,
    Types VARCHAR(1000),
    Enabled INTEGER NOT NULL DEFAULT 1,
    DisabledReason VARCHAR(500),
    Token VARCHAR(16) NOT NULL,
    LastEvent INTEGER NOT NULL,
    Failures INTEGER NOT NULL DEFAULT 0,
    FailingSince DATETIME,
    RestUntil DATETIME,
    LastFault VARCHAR(500),
    LeaseToken VARCHAR(36),
    LeaseUntil DATETIME,
    CreatedAt DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    CreatedBy VARCHAR(150)
);

-- An event that was posted to a webhook, or is to be posted again.
CREATE TABLE Rowpost_Deliveries (
    Id INTEGER NOT NULL PRIMARY KEY,
    WebhookId INTEGER NOT NULL,
    EventId INTEGER NOT NULL,
    Type VARCHAR(30) NOT NULL,
    State VARCHAR(10) NOT NULL,
    Attempts INTEGER NOT NULL,
    NextAt DATETIME,
    LastAt DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    Status INTEGER,
    Fault VARCHAR(500),
    DurationMs INTEGER,
    CONSTRAINT UQ_Rowpost_Deliveries UNIQUE (WebhookId, EventId)
);

CREATE INDEX IX_Rowpost_Deliveries_Next ON Rowpost_Deliveries (WebhookId, NextAt)
    WHERE NextAt IS NOT NULL;
