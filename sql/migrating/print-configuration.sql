-- The accounts, profiles and grants of Database Mail, as the calls that make them in a database that has Rowpost's
-- Database Mail. Run it in msdb of the source, and what it prints in the other database:
--   sqlcmd -S SOURCE -d msdb -i print-configuration.sql -h -1 -W -y 8000 -o calls.sql
-- A password can't be read: put it in where it says so.
SET NOCOUNT ON;
SELECT printed.call
FROM (
    SELECT 1 AS step, account.account_id AS first, 0 AS second, CONCAT(
        N'EXEC dbo.sysmail_add_account_sp @account_name = N''', REPLACE(account.name, N'''', N''''''),
        N''', @email_address = N''', REPLACE(account.email_address, N'''', N''''''), N'''',
        N', @display_name = N''' + REPLACE(account.display_name, N'''', N'''''') + N'''',
        N', @replyto_address = N''' + REPLACE(account.replyto_address, N'''', N'''''') + N'''',
        N', @description = N''' + REPLACE(account.description, N'''', N'''''') + N'''',
        N', @mailserver_name = N''', REPLACE(server.servername, N'''', N''''''), N''', @port = ', server.port,
        N', @username = N''' + REPLACE(NULLIF(server.username, N''), N'''', N'''''') + N''', @password = N''PASSWORD''',
        N', @enable_ssl = ', CAST(server.enable_ssl AS INT), N';',
        CASE WHEN server.use_default_credentials = 1 THEN N' -- by a Windows account there: give a user and a password'
        END) AS call
    FROM dbo.sysmail_account AS account JOIN dbo.sysmail_server AS server ON server.account_id = account.account_id
    UNION ALL
    SELECT 2, profile.profile_id, 0, CONCAT(
        N'EXEC dbo.sysmail_add_profile_sp @profile_name = N''', REPLACE(profile.name, N'''', N''''''), N'''',
        N', @description = N''' + REPLACE(profile.description, N'''', N'''''') + N'''', N';')
    FROM dbo.sysmail_profile AS profile
    UNION ALL
    SELECT 3, placed.profile_id, placed.sequence_number, CONCAT(
        N'EXEC dbo.sysmail_add_profileaccount_sp @profile_name = N''', REPLACE(profile.name, N'''', N''''''),
        N''', @account_name = N''', REPLACE(account.name, N'''', N''''''), N''', @sequence_number = ',
        placed.sequence_number, N';')
    FROM dbo.sysmail_profileaccount AS placed
    JOIN dbo.sysmail_profile AS profile ON profile.profile_id = placed.profile_id
    JOIN dbo.sysmail_account AS account ON account.account_id = placed.account_id
    UNION ALL
    SELECT 4, granted.profile_id, 0, CONCAT(
        N'EXEC dbo.sysmail_add_principalprofile_sp @principal_name = N''',
        REPLACE(CAST(COALESCE(principal.name, N'public') AS NVARCHAR(128)), N'''', N''''''), N''', @profile_name = N''',
        REPLACE(profile.name, N'''', N''''''), N''', @is_default = ', CAST(granted.is_default AS INT), N';',
        CASE WHEN principal.name IS NOT NULL THEN N' -- a user of the database there' END)
    FROM dbo.sysmail_principalprofile AS granted
    JOIN dbo.sysmail_profile AS profile ON profile.profile_id = granted.profile_id
    LEFT JOIN sys.database_principals AS principal ON principal.sid = granted.principal_sid
    UNION ALL
    SELECT 5, 0, 0, CONCAT(
        N'EXEC dbo.sysmail_configure_sp N''', paramname, N''', N''', REPLACE(paramvalue, N'''', N''''''), N''';')
    FROM dbo.sysmail_configuration
    WHERE paramname IN (N'MaxFileSize', N'ProhibitedExtensions', N'LoggingLevel')
) AS printed
ORDER BY printed.step, printed.first, printed.second;
GO
