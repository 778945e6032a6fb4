-- The lines of a query's result as text, a line a row, from the caller's #rowpost_columns and #rowpost_rows
-- into its #rowpost_lines: as sqlcmd lays them out, as CSV (RFC 4180), or as rows of an HTML table.
CREATE OR ALTER PROCEDURE rowpost.query_lines
    @format VARCHAR(4),
    @separator NCHAR(1),
    @no_truncate BIT,
    @no_padding BIT
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @cells NVARCHAR(MAX), @between NVARCHAR(20), @sql NVARCHAR(MAX);
    IF NOT EXISTS (SELECT 1 FROM #rowpost_columns)
        RETURN 0;
    -- What STRING_AGG puts between has to be a literal or a variable.
    SET @between = CASE @format
        WHEN 'HTML' THEN N' + '
        ELSE N' + N''' + REPLACE(@separator, N'''', N'''''') + N''' + '
    END;
    SELECT @cells = STRING_AGG(
        CASE @format
            WHEN 'HTML' THEN CONCAT(
                N'N''<td>'' + COALESCE(REPLACE(REPLACE(REPLACE(REPLACE(', cell,
                N', N''&'', N''&amp;''), N''<'', N''&lt;''), N''>'', N''&gt;''), N''"'', N''&quot;''), N'''') + N''</td>''')
            WHEN 'CSV' THEN CONCAT(
                N'CASE WHEN c', ordinal, N' IS NULL THEN N'''' WHEN PATINDEX(@quoted, ', cell,
                N' COLLATE Latin1_General_BIN2) > 0 THEN N''"'' + REPLACE(', cell, N', N''"'', N''""'') + N''"'' ELSE ', cell,
                N' END')
            ELSE CASE
                WHEN @no_padding = 1 AND is_max = 1 THEN CONCAT(N'RTRIM(LEFT(', shown, N', ', width, N'))')
                WHEN @no_padding = 1 THEN CONCAT(N'RTRIM(', shown, N')')
                WHEN @no_truncate = 1 AND is_max = 1 THEN shown
                WHEN is_right = 1 THEN CONCAT(N'RIGHT(SPACE(', width, N') + ', shown, N', ', width, N')')
                ELSE CONCAT(N'LEFT(', shown, N' + SPACE(', width, N'), ', width, N')')
            END
        END, @between) WITHIN GROUP (ORDER BY ordinal)
    FROM (
        SELECT ordinal, width, is_max, is_right, cell,
            CAST(CONCAT(N'COALESCE(', cell, N', N''NULL'')') AS NVARCHAR(MAX)) AS shown
        FROM #rowpost_columns
    ) AS described;
    SET @sql = CONCAT(
        N'INSERT INTO #rowpost_lines (number, line) SELECT number, CAST(N'''' AS NVARCHAR(MAX)) + ',
        CASE @format WHEN 'HTML' THEN N'N''<tr>'' + ' END, @cells,
        CASE @format WHEN 'HTML' THEN N' + N''</tr>''' END, N' FROM #rowpost_rows');
    DECLARE @quoted NVARCHAR(20) = CONCAT(N'%["', NCHAR(13), NCHAR(10), CASE @separator WHEN N']' THEN N'' ELSE @separator END, N']%');
    EXEC sp_executesql @sql, N'@quoted NVARCHAR(20)', @quoted;
    RETURN 0;
END
GO
