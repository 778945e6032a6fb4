-- A query's result as one text, from the caller's #rowpost_columns and #rowpost_rows into its #rowpost_result:
-- as sqlcmd lays it out, as CSV, or as an HTML table. @count: with a last line that says how many rows there are.
CREATE OR ALTER PROCEDURE rowpost.query_text
    @format VARCHAR(4),
    @header BIT,
    @width INT,
    @separator NCHAR(1),
    @no_truncate BIT,
    @no_padding BIT,
    @count BIT
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @end NCHAR(2) = NCHAR(13) + NCHAR(10), @between NVARCHAR(1) = @separator, @text NVARCHAR(MAX), @rows INT;
    CREATE TABLE #rowpost_cells (
        number INT NOT NULL, ordinal INT NOT NULL, value NVARCHAR(MAX) COLLATE DATABASE_DEFAULT NULL);
    CREATE TABLE #rowpost_lines (number INT NOT NULL, line NVARCHAR(MAX) COLLATE DATABASE_DEFAULT NULL);
    IF EXISTS (SELECT 1 FROM #rowpost_columns)
        EXEC rowpost.query_cells;
    SELECT @rows = COUNT(*) FROM #rowpost_rows;
    IF @format = 'HTML'
        SET @between = N'';

    -- The line of the names is number -1, that of the dashes 0.
    INSERT INTO #rowpost_lines (number, line)
    SELECT -1, STRING_AGG(CASE @format
            WHEN 'HTML' THEN N'<th>' + rowpost.html_text(name) + N'</th>'
            WHEN 'CSV' THEN rowpost.csv_field(name, @separator)
            ELSE rowpost.text_cell(name, CASE @no_padding WHEN 1 THEN 128 ELSE width END, 0, 0, 0, @no_padding)
        END, @between) WITHIN GROUP (ORDER BY ordinal)
    FROM #rowpost_columns
    WHERE @header = 1 AND (@no_truncate = 0 OR @format <> 'TEXT')
    HAVING COUNT(*) > 0;
    INSERT INTO #rowpost_lines (number, line)
    SELECT 0, STRING_AGG(REPLICATE(CAST(N'-' AS NVARCHAR(MAX)), CASE
            WHEN @no_padding = 0 THEN width
            WHEN name = N'' THEN 1
            ELSE LEN(name + N'|') - 1
        END), @between) WITHIN GROUP (ORDER BY ordinal)
    FROM #rowpost_columns
    WHERE @header = 1 AND @no_truncate = 0 AND @format = 'TEXT'
    HAVING COUNT(*) > 0;
    INSERT INTO #rowpost_lines (number, line)
    SELECT cells.number, STRING_AGG(CASE @format
            WHEN 'HTML' THEN N'<td>' + rowpost.html_text(cells.value) + N'</td>'
            WHEN 'CSV' THEN rowpost.csv_field(cells.value, @separator)
            ELSE rowpost.text_cell(
                cells.value, described.width, described.is_max, described.is_right, @no_truncate, @no_padding)
        END, @between) WITHIN GROUP (ORDER BY cells.ordinal)
    FROM #rowpost_cells AS cells
    JOIN #rowpost_columns AS described ON described.ordinal = cells.ordinal
    GROUP BY cells.number;
    IF @format = 'TEXT' AND @count = 1
        INSERT INTO #rowpost_lines (number, line)
        VALUES (@rows + 1, N''), (@rows + 2, CONCAT(N'(', @rows, N' rows affected)'));

    SELECT @text = STRING_AGG(CASE
            WHEN @format = 'HTML' THEN N'<tr>' + line + N'</tr>'
            WHEN @format = 'TEXT' AND @no_padding = 0 THEN rowpost.wrapped(line, @width)
            ELSE line
        END + @end, N'') WITHIN GROUP (ORDER BY number)
    FROM #rowpost_lines;
    IF @format = 'HTML'
        SET @text = CONCAT(
            N'<table border="1" cellpadding="4" cellspacing="0">', @end, @text, N'</table>', @end);
    INSERT INTO #rowpost_result (result) VALUES (COALESCE(@text, N''));
    RETURN 0;
END
GO
