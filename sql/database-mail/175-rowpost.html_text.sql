-- A value as text of HTML, for a cell or a heading.
CREATE OR ALTER FUNCTION rowpost.html_text (@text NVARCHAR(MAX))
RETURNS NVARCHAR(MAX)
AS
BEGIN
    SET @text = REPLACE(REPLACE(REPLACE(REPLACE(@text, N'&', N'&amp;'), N'<', N'&lt;'), N'>', N'&gt;'), N'"', N'&quot;');
    SET @text = REPLACE(@text, NCHAR(13) + NCHAR(10), N'<br>');
    RETURN COALESCE(REPLACE(REPLACE(@text, NCHAR(10), N'<br>'), NCHAR(13), N'<br>'), N'');
END
GO
