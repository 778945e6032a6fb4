-- What became of an email, in a sentence: of an administrator anybody's, of others their own.
CREATE OR ALTER PROCEDURE rowpost.explain
    @mailitem_id INT
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @status VARCHAR(8), @state NVARCHAR(1), @at DATETIME2(3), @reason NVARCHAR(500), @tries INT, @next DATETIME2(3);
    SELECT TOP (1)
        @status = item.sent_status, @state = entry.State, @at = COALESCE(entry.EndedAt, item.send_request_date),
        @tries = entry.Retries, @next = entry.NotBefore,
        @reason = COALESCE(entry.Reason, (
            SELECT TOP (1) attempt.Reply FROM dbo.Rowpost_Attempts AS attempt
            WHERE attempt.Number = item.number ORDER BY attempt.Id DESC), held.Reason)
    FROM rowpost.items AS item
    LEFT JOIN dbo.Rowpost_Emails AS entry ON entry.Number = item.number
    LEFT JOIN dbo.Rowpost_Held AS held ON held.EmailId = item.mailitem_id
    WHERE item.mailitem_id = @mailitem_id
        AND (rowpost.is_administrator() = 1 OR item.database_user = USER_NAME())
    ORDER BY item.item_number DESC;
    SELECT CAST(CASE
        WHEN @status IS NULL THEN CONCAT(N'There is no email ', @mailitem_id, N' that you sent by sp_send_dbmail.')
        ELSE CONCAT(N'Email ', @mailitem_id, CASE
            WHEN @status = 'sent' THEN CONCAT(N' was accepted by the mail server at ', CONVERT(NVARCHAR(19), @at, 120), N' UTC')
            WHEN @status = 'failed' AND @state = N'C' THEN N' was taken back before it was sent'
            WHEN @status = 'failed' AND @state IS NULL THEN N' was removed or taken back before Rowpost had it'
            WHEN @status = 'failed' THEN CONCAT(N' failed at ', CONVERT(NVARCHAR(19), @at, 120), N' UTC')
            WHEN @status = 'unknown' THEN N' may have arrived or not: the connection ended before the mail server''s reply, and somebody has to decide'
            WHEN @state IN (N'P', N'T') THEN N' is on its way'
            WHEN @status = 'retrying' THEN CONCAT(N' waits for its next try', N' at ' + CONVERT(NVARCHAR(19), @next, 120) + N' UTC', N', after ', @tries, N' that failed')
            WHEN @state IS NULL AND @reason IS NOT NULL THEN N' is held'
            ELSE N' waits to be sent'
        END, N': ' + @reason, N'.') END AS NVARCHAR(1000)) AS explanation;
    RETURN 0;
END
GO
