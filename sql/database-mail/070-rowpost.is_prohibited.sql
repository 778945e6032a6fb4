-- Whether files of this name may not be sent: by the part after the last dot, whatever its case.
CREATE OR ALTER FUNCTION rowpost.is_prohibited (@filename NVARCHAR(260))
RETURNS BIT
AS
BEGIN
    DECLARE @extension NVARCHAR(260) = LOWER(RIGHT(@filename, CHARINDEX(N'.', REVERSE(@filename) + N'.') - 1));
    DECLARE @list NVARCHAR(260) = (
        SELECT N',' + REPLACE(LOWER(Value), N' ', N'') + N','
        FROM dbo.Rowpost_MailConfiguration WHERE Name = N'ProhibitedExtensions');
    RETURN CASE
        WHEN CHARINDEX(N'.', @filename) > 0 AND @extension <> N''
            AND CHARINDEX(N',' + RTRIM(@extension) + N',', @list) > 0 THEN 1
        ELSE 0
    END;
END
GO
