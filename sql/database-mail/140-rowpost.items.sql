-- The emails that sp_send_dbmail took and what became of them, of every caller: views and procedures that
-- read it show each caller their own.
CREATE OR ALTER VIEW rowpost.items
AS
SELECT
    item.Id AS item_number,
    item.EmailId AS mailitem_id,
    item.ProfileId AS profile_id,
    item.Recipients AS recipients,
    item.CopyRecipients AS copy_recipients,
    item.BlindCopyRecipients AS blind_copy_recipients,
    item.Subject AS subject,
    item.FromAddress AS from_address,
    item.ReplyTo AS reply_to,
    CAST(email.dd_bodyText AS NVARCHAR(MAX)) AS body,
    item.BodyFormat AS body_format,
    item.Importance AS importance,
    item.Sensitivity AS sensitivity,
    item.FileAttachments AS file_attachments,
    item.Query AS query,
    item.ExecuteQueryDatabase AS execute_query_database,
    item.AttachQueryResultAsFile AS attach_query_result_as_file,
    item.QueryResultHeader AS query_result_header,
    item.QueryResultWidth AS query_result_width,
    item.QueryResultSeparator AS query_result_separator,
    item.ExcludeQueryOutput AS exclude_query_output,
    item.AppendQueryError AS append_query_error,
    item.RequestedAt AS send_request_date,
    item.RequestedBy AS send_request_user,
    item.DatabaseUser AS database_user,
    COALESCE(latest.Number, noted.Number) AS number,
    -- unsent, retrying, sent and failed are Database Mail's; unknown is what it never told: the mail server
    -- may have it.
    CAST(CASE
        WHEN COALESCE(latest.State, noted.State) = 'Y' THEN 'sent'
        WHEN COALESCE(latest.State, noted.State) IN ('F', 'C') THEN 'failed'
        WHEN COALESCE(latest.State, noted.State) = 'U' THEN 'unknown'
        WHEN COALESCE(latest.Retries, noted.Retries) > 0 THEN 'retrying'
        WHEN noted.State IS NOT NULL THEN 'unsent'
        -- Not admitted yet; or gone, or taken back, before it was.
        WHEN email.dd_srno IS NOT NULL AND COALESCE(email.dd_SendFlag, N'N') IN (N'N', N'P') THEN 'unsent'
        ELSE 'failed'
    END AS VARCHAR(8)) AS sent_status,
    COALESCE(latest.EndedAt, noted.EndedAt) AS sent_date,
    COALESCE(latest.EndedAt, latest.LastTriedAt, noted.EndedAt, noted.LastTriedAt, item.RequestedAt)
        AS last_mod_date,
    COALESCE(latest.Reason, noted.Reason) AS reason,
    email.dd_filename AS attached_filename,
    CAST(email.dd_document AS VARBINARY(MAX)) AS attached
FROM dbo.Rowpost_MailItems AS item
LEFT JOIN dbo.Digital_Emaildetails AS email ON email.dd_srno = item.EmailId
LEFT JOIN dbo.Rowpost_Emails AS noted ON noted.Number = item.Number
-- Sent again by hand, it has an entry of its own; a later email with the same id is another one's.
LEFT JOIN dbo.Rowpost_Emails AS latest ON latest.EmailId = item.EmailId AND latest.IsCurrent = 1
    AND latest.Number > item.Number
    AND NOT EXISTS (
        SELECT 1 FROM dbo.Rowpost_MailItems AS later
        WHERE later.EmailId = item.EmailId AND later.Id > item.Id);
GO
