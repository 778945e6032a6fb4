-- How many characters the queue's columns hold, as they were when this was installed: a caller who may
-- run sp_send_dbmail and nothing else can't see it. Run this file again when they have changed.
DECLARE @view NVARCHAR(MAX);
SELECT @view = CONCAT(
    N'SELECT CAST(', MAX(CASE WHEN found.name = N'dd_toEmailid' THEN found.characters END),
    N' AS INT) AS recipients, CAST(', MAX(CASE WHEN found.name = N'dd_ccEmailid' THEN found.characters END),
    N' AS INT) AS copy_recipients, CAST(', MAX(CASE WHEN found.name = N'dd_subject' THEN found.characters END),
    N' AS INT) AS subject, CAST(', MAX(CASE WHEN found.name = N'dd_filename' THEN found.characters END),
    N' AS INT) AS filename')
FROM (
    SELECT name, CASE
        WHEN max_length = -1 OR TYPE_NAME(system_type_id) IN (N'ntext', N'text') THEN 1000000
        WHEN TYPE_NAME(system_type_id) IN (N'nvarchar', N'nchar') THEN max_length / 2
        ELSE max_length
    END AS characters
    FROM sys.columns
    WHERE object_id = OBJECT_ID(N'dbo.Digital_Emaildetails')
) AS found;
IF OBJECT_ID(N'rowpost.queue_widths', N'V') IS NOT NULL
    DROP VIEW rowpost.queue_widths;
SET @view = N'CREATE VIEW rowpost.queue_widths AS ' + @view;
EXEC (@view);
GO
