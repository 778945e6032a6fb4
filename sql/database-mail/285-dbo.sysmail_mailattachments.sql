-- The query results that went as files. An email has one at most, so the email's id is the file's.
CREATE OR ALTER VIEW dbo.sysmail_mailattachments
AS
SELECT
    mailitem_id AS attachment_id,
    mailitem_id,
    CAST(attached_filename AS NVARCHAR(260)) AS filename,
    CAST(DATALENGTH(attached) AS INT) AS filesize,
    attached AS attachment,
    CAST(send_request_date AS DATETIME) AS last_mod_date,
    send_request_user AS last_mod_user
FROM rowpost.items
WHERE attached IS NOT NULL AND (rowpost.is_administrator() = 1 OR database_user = USER_NAME());
GO
