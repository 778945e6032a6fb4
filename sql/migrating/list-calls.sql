-- Which procedures, functions, triggers, views and job steps use Database Mail, and what to change or to know
-- in each: docs/migrate-from-database-mail.md has the same list. Run it in each database of the source; it
-- reads and changes nothing.
SET NOCOUNT ON;
CREATE TABLE #found (place NVARCHAR(600) NOT NULL, text NVARCHAR(MAX) NULL);
INSERT INTO #found (place, text)
SELECT CONCAT(OBJECT_SCHEMA_NAME(object_id), N'.', OBJECT_NAME(object_id)), definition
FROM sys.sql_modules
WHERE definition LIKE N'%sp[_]send[_]dbmail%' OR definition LIKE N'%sysmail[_]%';
IF OBJECT_ID(N'msdb.dbo.sysjobsteps') IS NOT NULL
    EXEC (N'
        INSERT INTO #found (place, text)
        SELECT CONCAT(N''job '', job.name, N'', step '', step.step_id), step.command
        FROM msdb.dbo.sysjobsteps AS step JOIN msdb.dbo.sysjobs AS job ON job.job_id = step.job_id
        WHERE (step.command LIKE N''%sp[_]send[_]dbmail%'' OR step.command LIKE N''%sysmail[_]%'')
            AND step.database_name IN (DB_NAME(), N''msdb'')');
SELECT found.place, rule_.what, rule_.to_do
FROM #found AS found
JOIN (VALUES
    (N'%msdb%', N'names msdb', N'change msdb.dbo. and msdb.. to dbo.'),
    (N'%@file[_]attachments%[^=]=%', N'@file_attachments',
        N'refused (22051): send the file by the API, or a query result with @attach_query_result_as_file'),
    (N'%@query%=%[^#]#[^#]%', N'@query on a temporary table',
        N'say its columns in WITH RESULT SETS, or keep ##table'),
    (N'%@query%=%EXEC%INTO%', N'@query that may nest INSERT ... EXEC', N'can not be run (8164): make the text in @body'),
    (N'%@query%=%[;]%SELECT%SELECT%', N'@query with several results', N'the first one''s columns hold for all of them'),
    (N'%@execute[_]query[_]database%', N'@execute_query_database', N'only the database of the call itself, or NULL'),
    (N'%@recipients%,%@%.%,%@%.%;%', N'maybe commas between addresses', N'refused (14613): part them with ;'),
    (N'%sysmail[_]start%', N'starts Database Mail', N'goes on'),
    (N'%DELETE%sysmail[_]mailitems%', N'deletes from sysmail_mailitems', N'call dbo.sysmail_delete_mailitems_sp'),
    (N'%DELETE%sysmail[_]log%', N'deletes from sysmail_log', N'call dbo.sysmail_delete_log_sp'),
    (N'%sysmail[_]log%', N'reads sysmail_log', N'read dbo.sysmail_event_log'),
    (N'%sysmail[_]attachments%', N'reads sysmail_attachments', N'read dbo.sysmail_mailattachments'),
    (N'%sysmail[_]send[_]retries%', N'reads sysmail_send_retries', N'there is none: rowpost.explain says it'),
    (N'%Database Mail XPs%', N'turns Database Mail on', N'leave it out: there is no sp_configure'),
    (N'%AzureManagedInstance[_]dbmail[_]profile%', N'the profile of Agent in a Managed Instance',
        N'make a profile of this name, or name another'),
    (N'%sent[_]status%', N'looks at sent_status', N'there is one more: unknown')
) AS rule_ (pattern, what, to_do) ON found.text LIKE rule_.pattern
ORDER BY found.place, rule_.what;
DROP TABLE #found;
GO
