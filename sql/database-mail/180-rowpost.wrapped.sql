-- A line in pieces of a width, as sqlcmd breaks it: in the middle of a word, too.
CREATE OR ALTER FUNCTION rowpost.wrapped (@line NVARCHAR(MAX), @width INT)
RETURNS NVARCHAR(MAX)
AS
BEGIN
    DECLARE @wrapped NVARCHAR(MAX) = LEFT(@line, @width), @at BIGINT = @width + 1;
    -- LEN does not count spaces at the end.
    WHILE @at < LEN(@line + N'|')
    BEGIN
        SET @wrapped = @wrapped + NCHAR(13) + NCHAR(10) + SUBSTRING(@line, @at, @width);
        SET @at = @at + @width;
    END
    RETURN @wrapped;
END
GO
