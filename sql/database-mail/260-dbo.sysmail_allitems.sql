-- The emails that sp_send_dbmail took: of an administrator everybody's, of others their own. Times are UTC.
CREATE OR ALTER VIEW dbo.sysmail_allitems
AS
SELECT
    mailitem_id,
    profile_id,
    recipients,
    copy_recipients,
    blind_copy_recipients,
    subject,
    body,
    body_format,
    importance,
    sensitivity,
    file_attachments,
    CAST('MIME' AS VARCHAR(20)) AS attachment_encoding,
    query,
    execute_query_database,
    attach_query_result_as_file,
    query_result_header,
    query_result_width,
    CAST(query_result_separator AS CHAR(1)) AS query_result_separator,
    exclude_query_output,
    append_query_error,
    CAST(send_request_date AS DATETIME) AS send_request_date,
    send_request_user,
    CASE WHEN sent_status = 'sent' THEN (
        SELECT MIN(account.Rowpost_Id) FROM dbo.tbl_EMailParameters AS account
        WHERE account.ParamCode = (
            SELECT TOP (1) attempt.Account FROM dbo.Rowpost_Attempts AS attempt
            WHERE attempt.Number = item.number ORDER BY attempt.Id DESC)) END AS sent_account_id,
    sent_status,
    CAST(CASE WHEN sent_status IN ('sent', 'failed', 'unknown') THEN sent_date END AS DATETIME) AS sent_date,
    CAST(last_mod_date AS DATETIME) AS last_mod_date,
    send_request_user AS last_mod_user
FROM rowpost.items AS item
WHERE rowpost.is_administrator() = 1 OR database_user = USER_NAME();
GO
