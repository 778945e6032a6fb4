-- How many emails wait, and since when nothing was looked for. There is no queue of statuses here: its row
-- is always empty. Times are UTC.
CREATE OR ALTER PROCEDURE dbo.sysmail_help_queue_sp
    @queue_type NVARCHAR(6) = NULL
AS
BEGIN
    SET NOCOUNT ON;
    IF LOWER(@queue_type) NOT IN (N'mail', N'status')
    BEGIN
        EXEC rowpost.raise_message 14266, N'@queue_type', N'mail, status';
        RETURN 1;
    END
    DECLARE @state NVARCHAR(64) = (
        SELECT CASE WHEN Value = N'STARTED' THEN N'RECEIVES_OCCURRING' ELSE N'INACTIVE' END
        FROM dbo.Rowpost_MailConfiguration WHERE Name = N'Rowpost.Status');
    DECLARE @looked DATETIME = (SELECT CAST(LastTick AS DATETIME) FROM dbo.Rowpost_Service WHERE Id = 1);
    DECLARE @length INT = (SELECT COUNT(*) FROM rowpost.items WHERE sent_status IN ('unsent', 'retrying'));
    SELECT queue_type, length, state, last_empty_rowset_time, last_activated_time
    FROM (
        SELECT CAST(N'mail' AS NVARCHAR(6)) AS queue_type, @length AS length, @state AS state,
            CASE WHEN @length = 0 THEN @looked END AS last_empty_rowset_time, @looked AS last_activated_time
        UNION ALL
        SELECT CAST(N'status' AS NVARCHAR(6)), 0, @state, @looked, @looked
    ) AS queue
    WHERE @queue_type IS NULL OR queue_type = LOWER(@queue_type)
    ORDER BY queue_type;
    RETURN 0;
END
GO
