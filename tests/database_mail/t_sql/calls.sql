-- call: a job that failed
EXEC msdb.dbo.sp_send_dbmail
    @profile_name = 'Ops', @recipients = 'dba@example.com', @subject = 'Job failed: nightly load',
    @body = 'Step 3 failed. See the job history.', @importance = 'High'
GO
-- call: an alert in one line
exec msdb..sp_send_dbmail @profile_name='Ops', @recipients='dba@example.com;oncall@example.com', @subject='Log is 90 % full', @body='tempdb'
GO
-- call: an HTML report from a variable
DECLARE @html NVARCHAR(MAX) = N'<h1>Sales</h1><table><tr><td>Tea</td><td>12</td></tr></table>';
EXEC msdb.dbo.sp_send_dbmail @profile_name = N'Ops', @recipients = N'sales@example.com', @subject = N'Sales of the day', @body = @html, @body_format = 'HTML';
GO
-- call: the format in small letters
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Hi', @body = '<b>Hi</b>', @body_format = 'html'
GO
-- call: the format in mixed letters, importance high
EXEC [msdb].[dbo].[sp_send_dbmail] @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Blocked sessions', @body = '<p>3</p>', @body_format = 'Html', @importance = 'HIGH'
GO
-- call: the format TEXT said
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Done', @body = 'Done.', @body_format = 'TEXT'
GO
-- call: with copies
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @copy_recipients = 'b@example.com; c@example.com', @subject = 'Invoice', @body = '<p>Thank you</p>', @body_format = 'HTML'
GO
-- call: with copies, blind and not
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @copy_recipients = 'b@example.com', @blind_copy_recipients = 'audit@example.com', @subject = 'Order', @body = '<p>Order</p>', @body_format = 'HTML'
GO
-- call: without a profile
EXEC msdb.dbo.sp_send_dbmail @recipients = 'a@example.com', @subject = 'Hello', @body = 'World'
GO
-- call: without a profile, in HTML
EXEC msdb.dbo.sp_send_dbmail @recipients = 'a@example.com', @subject = 'Hello', @body = '<p>World</p>', @body_format = 'HTML'
GO
-- call: without a profile, low
EXEC msdb.dbo.sp_send_dbmail @recipients = 'a@example.com', @subject = 'Housekeeping', @body = '<p>Done</p>', @body_format = 'HTML', @importance = 'Low'
GO
-- call: private
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'hr@example.com', @subject = 'Payroll', @body = '<p>Ready</p>', @body_format = 'HTML', @importance = 'Normal', @sensitivity = 'Private'
GO
-- call: a list that ends with a semicolon
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com; b@example.com;', @subject = 'Both', @body = '<p>Both</p>', @body_format = 'HTML'
GO
-- call: the subject and the body made by concatenation
DECLARE @subject NVARCHAR(255) = N'Backup of ' + DB_NAME(), @body NVARCHAR(MAX) = N'<p>At ' + CONVERT(NVARCHAR(30), CURRENT_TIMESTAMP, 120) + N'</p>';
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'dba@example.com', @subject = @subject, @body = @body, @body_format = 'HTML', @importance = 'High'
GO
-- call: the id is kept
DECLARE @id INT;
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Kept', @body = '<p>Kept</p>', @body_format = 'HTML', @mailitem_id = @id OUTPUT;
IF @id IS NULL OR NOT EXISTS (SELECT 1 FROM msdb.dbo.sysmail_allitems WHERE mailitem_id = @id) RAISERROR('not kept', 16, 1);
GO
-- call: the return code is looked at
DECLARE @rc INT;
EXEC @rc = msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Code', @body = '<p>Code</p>', @body_format = 'HTML', @importance = 'high';
IF @rc <> 0 RAISERROR('not queued', 16, 1);
GO
-- call: leftovers of a query that is not there
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Left', @body = '<p>Left</p>', @body_format = 'HTML', @query_result_header = 0, @query_result_no_padding = 1, @execute_query_database = 'master', @importance = 'High', @exclude_query_output = 1
GO
-- call: from a CATCH
BEGIN TRY
    RAISERROR('The load failed', 16, 1);
END TRY
BEGIN CATCH
    DECLARE @said NVARCHAR(2000) = ERROR_MESSAGE();
    EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'dba@example.com', @subject = 'Load failed', @body = @said, @importance = 'High';
END CATCH
GO
-- refused 22051: with a file of the server
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Report', @body = 'See the file.', @file_attachments = 'D:\reports\sales.xlsx'
GO
-- habit: a table of rows by FOR XML
DECLARE @table NVARCHAR(MAX) = N'<table border="1"><tr><th>Name</th><th>Sold</th></tr>' + CAST((
    SELECT td = 'Tea', '', td = 12, '' FOR XML PATH('tr'), TYPE) AS NVARCHAR(MAX)) + N'</table>';
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Sold', @body = @table, @body_format = 'HTML'
GO
-- habit: sent only where the profile is there
IF EXISTS (SELECT 1 FROM msdb.dbo.sysmail_profile WHERE name = 'Ops')
    EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'There', @body = 'There'
GO
-- habit: started where it is stopped
DECLARE @status TABLE (Status NVARCHAR(7));
INSERT INTO @status EXEC msdb.dbo.sysmail_help_status_sp;
IF EXISTS (SELECT 1 FROM @status WHERE Status = 'STOPPED') EXEC msdb.dbo.sysmail_start_sp;
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Started', @body = 'Started'
GO
-- habit: what failed, and why
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Looked at', @body = 'x';
SELECT f.mailitem_id, f.subject, l.description FROM msdb.dbo.sysmail_faileditems f JOIN msdb.dbo.sysmail_event_log l ON f.mailitem_id = l.mailitem_id;
SELECT TOP 10 log_date, event_type, description FROM msdb.dbo.sysmail_event_log ORDER BY log_date DESC;
SELECT sent_status, COUNT(*) FROM msdb.dbo.sysmail_allitems GROUP BY sent_status;
SELECT mailitem_id FROM msdb.dbo.sysmail_unsentitems WHERE send_request_date < DATEADD(minute, -30, GETDATE());
GO
-- habit: housekeeping
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Young', @body = 'x';
DECLARE @before DATETIME = DATEADD(day, -30, GETDATE());
EXEC msdb.dbo.sysmail_delete_mailitems_sp @sent_before = @before;
EXEC msdb.dbo.sysmail_delete_log_sp @logged_before = @before;
GO
-- query: a file of CSV, quiet
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'CSV', @body = 'See the file.',
    @query = N'SET NOCOUNT ON; SELECT 1 AS Id, ''Tea'' AS Name', @attach_query_result_as_file = 1, @query_attachment_filename = 'sales.csv',
    @query_result_separator = ',', @query_result_no_padding = 1, @query_result_width = 32767, @query_result_header = 1, @exclude_query_output = 1
GO
-- query: a file of CSV with semicolons, without a header
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'CSV',
    @query = N'SET NOCOUNT ON; SELECT ''Id'', ''Name'' UNION ALL SELECT ''1'', ''Tea''', @attach_query_result_as_file = 1, @query_attachment_filename = 'sales.csv',
    @query_result_separator = ';', @query_result_no_padding = 1, @query_result_width = 1000, @query_result_header = 0, @append_query_error = 1
GO
-- query: a file of CSV with tabs
DECLARE @tab CHAR(1) = CHAR(9);
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'CSV',
    @query = N'SET NOCOUNT ON; SELECT 1 AS Id', @attach_query_result_as_file = 1, @query_attachment_filename = 'sales.csv', @query_result_separator = @tab, @query_result_no_padding = 1
GO
-- query: the hint for Excel in the first column's name
DECLARE @name VARCHAR(30) = '[sep=,' + CHAR(13) + CHAR(10) + 'Id]', @sql NVARCHAR(400);
SET @sql = N'SET NOCOUNT ON; SELECT 1 AS ' + @name + N', ''Tea'' AS Name';
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'CSV', @query = @sql,
    @attach_query_result_as_file = 1, @query_attachment_filename = 'sales.csv', @query_result_separator = ',', @query_result_no_padding = 1
GO
-- query: in the body
EXEC msdb.dbo.sp_send_dbmail @profile_name = 'Ops', @recipients = 'a@example.com', @subject = 'Rows', @body = 'Rows:', @query = 'SELECT name FROM sys.schemas WHERE name = ''dbo''', @execute_query_database = NULL
GO
