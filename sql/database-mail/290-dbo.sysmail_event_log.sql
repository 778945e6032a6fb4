-- What happened to emails, a line for each try of a mail server, and who started, stopped and removed what:
-- as much as LoggingLevel asks for. Of an administrator all of it, of others what is about their own emails.
-- Lines about tries have odd numbers, the others even ones.
CREATE OR ALTER VIEW dbo.sysmail_event_log
AS
SELECT
    event.log_id,
    CAST(event.event_type AS VARCHAR(11)) AS event_type,
    CAST(event.at AS DATETIME) AS log_date,
    event.description,
    event.process_id,
    event.mailitem_id,
    event.account_id,
    CAST(event.at AS DATETIME) AS last_mod_date,
    event.last_mod_user
FROM rowpost.events AS event
WHERE (rowpost.is_administrator() = 1 OR event.database_user = USER_NAME())
    AND event.level <= COALESCE((
        SELECT TRY_CAST(Value AS INT) FROM dbo.Rowpost_MailConfiguration WHERE Name = N'LoggingLevel'), 2);
GO
