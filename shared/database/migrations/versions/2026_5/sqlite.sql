-- The list that its recipient may unsubscribe from with one click; yes: the default one.
ALTER TABLE Rowpost_Options ADD Unsubscribe VARCHAR(50);

-- Who wants no more of a list, for good; other emails reach them.
CREATE TABLE Rowpost_Unsubscribed (
    List VARCHAR(50) NOT NULL,
    Address VARCHAR(320) NOT NULL,
    EmailId INTEGER NULL,
    Since DATETIME DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')) NOT NULL,
    PRIMARY KEY (List, Address)
);
