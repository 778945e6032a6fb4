-- How many bytes a query result or a file may have, as sysmail_configure_sp sets it.
CREATE OR ALTER FUNCTION rowpost.max_file_size ()
RETURNS BIGINT
AS
BEGIN
    -- What it falls back to is Database Mail's own number.
    RETURN COALESCE(
        (SELECT TRY_CAST(Value AS BIGINT) FROM dbo.Rowpost_MailConfiguration WHERE Name = N'MaxFileSize'),
        100000);
END
GO
