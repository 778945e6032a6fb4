-- What happened, to be read in the order of the numbers.
CREATE TABLE Rowpost_Events (
    Id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    At DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    Type VARCHAR(30) NOT NULL,
    EmailId INTEGER,
    Recipient VARCHAR(320),
    Account VARCHAR(50),
    Code INTEGER,
    EnhancedCode VARCHAR(12),
    Reason VARCHAR(500)
);

-- Without a number yet: used where several transactions write at a time.
CREATE TABLE Rowpost_NewEvents (
    Id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    At DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    Type VARCHAR(30) NOT NULL,
    EmailId INTEGER,
    Recipient VARCHAR(320),
    Account VARCHAR(50),
    Code INTEGER,
    EnhancedCode VARCHAR(12),
    Reason VARCHAR(500)
);
