-- Take emails again.
CREATE OR ALTER PROCEDURE dbo.sysmail_start_sp
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Rowpost_MailConfiguration
    SET Value = N'STARTED', ModifiedAt = SYSUTCDATETIME(), ModifiedBy = USER_NAME()
    WHERE Name = N'Rowpost.Status';
    INSERT INTO dbo.Rowpost_MailLog (EventType, Description, ProcessId, ModifiedBy)
    VALUES (N'information', N'Database Mail was started by ' + SUSER_SNAME() + N'.', @@SPID, SUSER_SNAME());
    RETURN 0;
END
GO
