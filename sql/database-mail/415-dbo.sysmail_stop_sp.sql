-- Take no more emails: sp_send_dbmail answers 14641. What is queued stays, and is sent after the next start.
CREATE OR ALTER PROCEDURE dbo.sysmail_stop_sp
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Rowpost_MailConfiguration
    SET Value = N'STOPPED', ModifiedAt = SYSUTCDATETIME(), ModifiedBy = USER_NAME()
    WHERE Name = N'Rowpost.Status';
    INSERT INTO dbo.Rowpost_MailLog (EventType, Description, ProcessId, ModifiedBy)
    VALUES (N'information', N'Database Mail was stopped by ' + SUSER_SNAME() + N'.', @@SPID, SUSER_SNAME());
    RETURN 0;
END
GO
