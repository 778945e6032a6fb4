-- What sysmail_event_log shows, of every caller and at every level.
CREATE OR ALTER VIEW rowpost.events
AS
SELECT
    shown.log_id,
    shown.event_type,
    CASE shown.event_type WHEN N'error' THEN 1 WHEN N'success' THEN 3 ELSE 2 END AS level,
    shown.at,
    shown.description,
    shown.process_id,
    shown.mailitem_id,
    shown.account_id,
    shown.last_mod_user,
    shown.database_user
FROM (
    SELECT
        2 * log.Id AS log_id, log.EventType AS event_type, log.At AS at, log.Description AS description,
        log.ProcessId AS process_id, log.EmailId AS mailitem_id, log.AccountId AS account_id,
        log.ModifiedBy AS last_mod_user, CAST(NULL AS NVARCHAR(128)) AS database_user
    FROM dbo.Rowpost_MailLog AS log
    UNION ALL
    SELECT
        2 * attempt.Id + 1,
        CASE
            WHEN attempt.Outcome = 'sent' THEN N'success'
            WHEN attempt.Outcome = 'failed' THEN N'error'
            ELSE N'warning'
        END,
        attempt.At,
        CASE WHEN attempt.Outcome = 'sent' THEN CAST(CONCAT(N'Mail successfully sent by ', attempt.Account, N'.') AS NVARCHAR(MAX))
            ELSE CAST(CONCAT(
                N'The mail could not be sent to the recipients because of the mail server failure. (Sending Mail using Account ',
                attempt.Account, N' (', CONVERT(NVARCHAR(19), attempt.At, 126), N'). Exception Message: ',
                attempt.Reply, N')') AS NVARCHAR(MAX))
        END,
        NULL, item.EmailId,
        (SELECT MIN(account.Rowpost_Id) FROM dbo.tbl_EMailParameters AS account WHERE account.ParamCode = attempt.Account),
        NULL, item.DatabaseUser
    FROM dbo.Rowpost_Attempts AS attempt
    JOIN dbo.Rowpost_MailItems AS item ON item.Number = attempt.Number
) AS shown
WHERE NOT EXISTS (
    SELECT 1 FROM dbo.Rowpost_MailLogCleared AS cleared
    WHERE cleared.EventType = shown.event_type AND shown.at < cleared.Until);
GO
