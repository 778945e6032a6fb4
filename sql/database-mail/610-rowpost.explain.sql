-- What became of an email, in a sentence: of an administrator anybody's, of others their own.
CREATE OR ALTER PROCEDURE rowpost.explain
    @mailitem_id INT
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @said NVARCHAR(1000);
    SELECT TOP (1) @said = rowpost.explained(
        item.mailitem_id,
        CASE
            WHEN entry.State IS NULL AND held.Reason IS NOT NULL THEN 'held'
            WHEN entry.State IS NULL AND item.sent_status = 'unsent' THEN 'queued'
            WHEN entry.State IS NULL OR entry.State = N'C' THEN 'cancelled'
            WHEN entry.State IN (N'P', N'T') THEN 'sending'
            WHEN item.sent_status = 'retrying' THEN 'retry'
            WHEN item.sent_status = 'unsent' THEN 'queued'
            ELSE item.sent_status
        END,
        entry.EndedAt, entry.Retries, entry.NotBefore,
        CASE WHEN entry.State IS NULL THEN held.Reason ELSE COALESCE(entry.Reason, (
            SELECT TOP (1) attempt.Reply FROM dbo.Rowpost_Attempts AS attempt
            WHERE attempt.Number = entry.Number ORDER BY attempt.Id DESC)) END)
    FROM rowpost.items AS item
    LEFT JOIN dbo.Rowpost_Emails AS entry ON entry.Number = item.number
    LEFT JOIN dbo.Rowpost_Held AS held ON held.EmailId = item.mailitem_id
    WHERE item.mailitem_id = @mailitem_id
        AND (rowpost.is_administrator() = 1 OR item.database_user = USER_NAME())
    ORDER BY item.item_number DESC;
    SELECT COALESCE(@said, CONCAT(
        N'There is no email ', @mailitem_id, N' that you sent by sp_send_dbmail.')) AS explanation;
    RETURN 0;
END
GO
