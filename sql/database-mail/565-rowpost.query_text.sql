-- A query's result as one text, from the caller's #rowpost_columns and #rowpost_rows into its #rowpost_result.
CREATE OR ALTER PROCEDURE rowpost.query_text
    @query NVARCHAR(MAX),
    @format VARCHAR(4),
    @header BIT,
    @width INT,
    @separator NCHAR(1),
    @no_truncate BIT,
    @no_padding BIT
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @line NCHAR(2) = NCHAR(13) + NCHAR(10), @names NVARCHAR(MAX), @text NVARCHAR(MAX), @rows INT;
    CREATE TABLE #rowpost_lines (number INT NOT NULL PRIMARY KEY, line NVARCHAR(MAX) COLLATE DATABASE_DEFAULT NULL);
    EXEC rowpost.query_lines @format, @separator, @no_truncate, @no_padding;
    SELECT @rows = COUNT(*) FROM #rowpost_lines;
    IF @format = 'TEXT'
    BEGIN
        -- The lines of the header are wrapped like all others.
        INSERT INTO #rowpost_lines (number, line)
        SELECT heading.number, STRING_AGG(CASE heading.number WHEN -1 THEN heading.name ELSE heading.dashes END, @separator)
            WITHIN GROUP (ORDER BY heading.ordinal)
        FROM (
            SELECT line.number, described.ordinal,
                CASE WHEN @no_padding = 1 THEN CAST(described.name AS NVARCHAR(MAX))
                    ELSE LEFT(CAST(described.name AS NVARCHAR(MAX)) + SPACE(described.width), described.width) END AS name,
                REPLICATE(CAST(N'-' AS NVARCHAR(MAX)), CASE
                    WHEN @no_padding = 0 THEN described.width
                    WHEN described.name = N'' THEN 1
                    ELSE LEN(described.name + N'|') - 1
                END) AS dashes
            FROM #rowpost_columns AS described CROSS JOIN (VALUES (-1), (0)) AS line (number)
        ) AS heading
        WHERE @header = 1 AND @no_truncate = 0
        GROUP BY heading.number;
        SELECT @text = STRING_AGG(
            CASE WHEN @no_padding = 1 THEN line ELSE rowpost.wrapped(line, @width) END + @line, N'')
            WITHIN GROUP (ORDER BY number)
        FROM #rowpost_lines;
        IF UPPER(@query) NOT LIKE N'%SET%NOCOUNT%ON%'
            SET @text = CONCAT(@text, @line, N'(', @rows, N' rows affected)', @line);
    END
    ELSE
    BEGIN
        SELECT @text = STRING_AGG(line + CASE @format WHEN 'CSV' THEN @line ELSE N'' END, N'')
            WITHIN GROUP (ORDER BY number)
        FROM #rowpost_lines;
        IF @format = 'CSV'
        BEGIN
            IF @header = 1
                SELECT @names = STRING_AGG(CAST(
                    CASE WHEN CHARINDEX(N'"', name) + CHARINDEX(@separator, name) + CHARINDEX(NCHAR(13), name)
                        + CHARINDEX(NCHAR(10), name) > 0 THEN N'"' + REPLACE(name, N'"', N'""') + N'"'
                    ELSE name END AS NVARCHAR(MAX)), @separator) WITHIN GROUP (ORDER BY ordinal)
                FROM #rowpost_columns;
            SET @text = CONCAT(@names + @line, @text);
        END
        ELSE
        BEGIN
            IF @header = 1
                SELECT @names = N'<thead><tr>' + STRING_AGG(CAST(
                    N'<th>' + REPLACE(REPLACE(REPLACE(REPLACE(
                        name, N'&', N'&amp;'), N'<', N'&lt;'), N'>', N'&gt;'), N'"', N'&quot;') + N'</th>'
                    AS NVARCHAR(MAX)), N'') WITHIN GROUP (ORDER BY ordinal) + N'</tr></thead>'
                FROM #rowpost_columns;
            SET @text = CONCAT(N'<table>', @names, N'<tbody>', @text, N'</tbody></table>');
        END
    END
    INSERT INTO #rowpost_result (result) VALUES (COALESCE(@text, N''));
    RETURN 0;
END
GO
