-- A value as a field of CSV (RFC 4180): NULL is nothing, an empty text a pair of quotes.
CREATE OR ALTER FUNCTION rowpost.csv_field (@text NVARCHAR(MAX), @separator NCHAR(1))
RETURNS NVARCHAR(MAX)
AS
BEGIN
    IF @text IS NULL
        RETURN N'';
    IF LEN(@text) > 0 AND LEFT(@text, 1) <> N' ' AND LEN(@text) = LEN(@text + N'|') - 1
        AND CHARINDEX(N'"', @text) + CHARINDEX(@separator, @text)
            + CHARINDEX(NCHAR(13), @text) + CHARINDEX(NCHAR(10), @text) = 0
        RETURN @text;
    RETURN N'"' + REPLACE(@text, N'"', N'""') + N'"';
END
GO
