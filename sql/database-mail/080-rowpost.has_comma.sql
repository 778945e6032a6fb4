-- Whether a list of addresses has a comma that is not inside of double quotes ("Doe, J" <j@example.com>).
CREATE OR ALTER FUNCTION rowpost.has_comma (@list NVARCHAR(MAX))
RETURNS BIT
AS
BEGIN
    DECLARE @comma BIGINT = CHARINDEX(N',', @list);
    DECLARE @before NVARCHAR(MAX);
    WHILE @comma > 0
    BEGIN
        SET @before = LEFT(@list, @comma);
        IF (LEN(@before) - LEN(REPLACE(@before, N'"', N''))) % 2 = 0
            RETURN 1;
        SET @comma = CHARINDEX(N',', @list, @comma + 1);
    END
    RETURN 0;
END
GO
