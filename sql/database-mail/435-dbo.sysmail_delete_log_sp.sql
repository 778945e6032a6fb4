-- Remove lines of the event log; without parameters all of them. Those about tries are hidden from then on.
CREATE OR ALTER PROCEDURE dbo.sysmail_delete_log_sp
    @logged_before DATETIME = NULL,
    @event_type VARCHAR(15) = NULL
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @until DATETIME2(3) = COALESCE(CAST(@logged_before AS DATETIME2(3)), SYSUTCDATETIME());
    SET @event_type = LOWER(LTRIM(RTRIM(@event_type)));
    IF @event_type NOT IN ('success', 'warning', 'error', 'information')
    BEGIN
        EXEC rowpost.raise_message 14266, N'@event_type', N'success, warning, error, information';
        RETURN 1;
    END
    DELETE FROM dbo.Rowpost_MailLog
    WHERE At < @until AND (@event_type IS NULL OR EventType = @event_type);
    UPDATE dbo.Rowpost_MailLogCleared SET Until = @until
    WHERE Until < @until AND (@event_type IS NULL OR EventType = @event_type);
    INSERT INTO dbo.Rowpost_MailLogCleared (EventType, Until)
    SELECT known.event_type, @until
    FROM (VALUES (N'success'), (N'warning'), (N'error'), (N'information')) AS known (event_type)
    WHERE (@event_type IS NULL OR known.event_type = @event_type)
        AND NOT EXISTS (SELECT 1 FROM dbo.Rowpost_MailLogCleared AS there WHERE there.EventType = known.event_type);
    RETURN 0;
END
GO
