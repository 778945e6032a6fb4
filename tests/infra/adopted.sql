-- Somebody's database before Rowpost comes: the two tables as their applications know them, in use.
CREATE TABLE dbo.tbl_EMailParameters (
    SMTPServer NVARCHAR(255),
    SMTPPort INT,
    SMTPAccountName NVARCHAR(255),
    SMTPPassword NVARCHAR(255),
    SMTPMailId NVARCHAR(255),
    ApplicationName NVARCHAR(255),
    SMTPSSLFlag NVARCHAR(1),
    ParamCode NVARCHAR(50),
    IsActive NVARCHAR(1)
);
CREATE TABLE dbo.Digital_Emaildetails (
    dd_srno INT IDENTITY(1,1) PRIMARY KEY,
    dd_document VARBINARY(MAX),
    dd_filename NVARCHAR(255),
    dd_toEmailid NVARCHAR(500),
    dd_ccEmailid NVARCHAR(500),
    dd_subject NVARCHAR(500),
    dd_bodyText NTEXT,
    dd_SendFlag NVARCHAR(1) DEFAULT 'N',
    dd_EmailParamCode NVARCHAR(50),
    dd_RetryCount INT DEFAULT 0,
    dd_SentDate DATETIME,
    dd_BounceReason NVARCHAR(500),
    dd_LastRetryDate DATETIME
);
INSERT INTO dbo.tbl_EMailParameters (SMTPServer, SMTPPort, SMTPAccountName, SMTPPassword, SMTPMailId, ApplicationName,
    SMTPSSLFlag, ParamCode, IsActive)
VALUES ('mail.example.com', 587, 'robot', 'not a secret', 'robot@example.com', 'Shop', 'Y', 'MAIN', 'Y'),
    ('mail.example.com', 25, NULL, NULL, 'old@example.com', 'Old shop', 'N', 'OLD', 'N');
INSERT INTO dbo.Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText, dd_EmailParamCode)
VALUES ('ann@example.com', 'Waits', 'Hi Ann', 'MAIN'),
    ('bob@example.com', 'Names no account', 'Hi Bob', NULL);
INSERT INTO dbo.Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText, dd_document, dd_filename, dd_EmailParamCode,
    dd_SendFlag, dd_SentDate)
VALUES ('cat@example.com', 'Sent long ago', 'Hi Cat', 0x255044462D, 'invoice.pdf', 'MAIN', 'Y', '20240131 12:00:00');
INSERT INTO dbo.Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText, dd_EmailParamCode, dd_SendFlag, dd_RetryCount,
    dd_BounceReason, dd_LastRetryDate)
VALUES ('dan@example.com', 'Given up', 'Hi Dan', 'MAIN', 'F', 3, '550 no such user', '20240131 12:00:00');
GO
