-- The emails of Database Mail of one caller, the latest first.
CREATE INDEX IX_Rowpost_MailItems_Caller ON Rowpost_MailItems (RequestedBy, Id);

-- The lists that an address is off.
CREATE INDEX IX_Rowpost_Unsubscribed_Address ON Rowpost_Unsubscribed (Address, List);
