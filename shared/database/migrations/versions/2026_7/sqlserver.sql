-- What happened, to be read in the order of the numbers.
CREATE TABLE dbo.Rowpost_Events (
    Id BIGINT NOT NULL,
    At DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    Type VARCHAR(30) NOT NULL,
    EmailId INTEGER NULL,
    Recipient NVARCHAR(320) NULL,
    Account NVARCHAR(50) NULL,
    Code INTEGER NULL,
    EnhancedCode VARCHAR(12) NULL,
    Reason NVARCHAR(500) NULL,
    PRIMARY KEY (Id)
);

-- Without a number yet: it is given after the commit.
CREATE TABLE dbo.Rowpost_NewEvents (
    Id BIGINT NOT NULL IDENTITY,
    At DATETIME2(3) NOT NULL DEFAULT SYSUTCDATETIME(),
    Type VARCHAR(30) NOT NULL,
    EmailId INTEGER NULL,
    Recipient NVARCHAR(320) NULL,
    Account NVARCHAR(50) NULL,
    Code INTEGER NULL,
    EnhancedCode VARCHAR(12) NULL,
    Reason NVARCHAR(500) NULL,
    PRIMARY KEY (Id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_Events TO rowpost_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Rowpost_NewEvents TO rowpost_service;
