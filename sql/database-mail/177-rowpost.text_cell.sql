-- A value as sqlcmd shows it in a column: cut, and padded on its side.
CREATE OR ALTER FUNCTION rowpost.text_cell (
    @text NVARCHAR(MAX),
    @width INT,
    @is_max BIT,
    @is_right BIT,
    @no_truncate BIT,
    @no_padding BIT
)
RETURNS NVARCHAR(MAX)
AS
BEGIN
    SET @text = COALESCE(@text, N'NULL');
    IF @is_max = 1 AND @no_truncate = 1
        RETURN @text;
    IF @no_padding = 1
        RETURN RTRIM(LEFT(@text, @width));
    IF @is_right = 1
        RETURN RIGHT(SPACE(@width) + LEFT(@text, @width), @width);
    RETURN LEFT(@text + SPACE(@width), @width);
END
GO
