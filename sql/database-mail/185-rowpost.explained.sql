-- What became of an email, in a sentence: of its status as the API has it, when it ended, how many tries failed
-- for now, when the next one is (UTC), and why.
CREATE OR ALTER FUNCTION rowpost.explained (
    @mailitem_id INT,
    @status VARCHAR(10),
    @ended_at DATETIME2(3),
    @tries INT,
    @next_try DATETIME2(3),
    @reason NVARCHAR(500)
)
RETURNS NVARCHAR(1000)
AS
BEGIN
    RETURN CONCAT(N'Email ', @mailitem_id, N' ', CASE @status
        WHEN 'sent' THEN CONCAT(
            N'was accepted by the mail server', N' at ' + CONVERT(NVARCHAR(19), @ended_at, 120) + N' UTC')
        WHEN 'failed' THEN CONCAT(N'failed', N' at ' + CONVERT(NVARCHAR(19), @ended_at, 120) + N' UTC')
        WHEN 'cancelled' THEN N'was taken back before it was sent'
        WHEN 'unknown' THEN
            N'may have arrived or not: the connection ended before the mail server''s reply, and somebody has to decide'
        WHEN 'sending' THEN N'is on its way'
        WHEN 'held' THEN N'is held'
        WHEN 'retry' THEN CONCAT(
            N'waits for its next try', N' at ' + CONVERT(NVARCHAR(19), @next_try, 120) + N' UTC',
            N', after ', @tries, N' that failed')
        ELSE N'waits to be sent'
    END, N': ' + NULLIF(@reason, N''), N'.');
END
GO
