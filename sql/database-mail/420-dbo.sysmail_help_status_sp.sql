-- STARTED or STOPPED, in one row.
CREATE OR ALTER PROCEDURE dbo.sysmail_help_status_sp
AS
BEGIN
    SET NOCOUNT ON;
    SELECT CAST(Value AS VARCHAR(7)) AS Status FROM dbo.Rowpost_MailConfiguration WHERE Name = N'Rowpost.Status';
    RETURN 0;
END
GO
