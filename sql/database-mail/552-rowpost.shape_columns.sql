-- How wide, on which side and as which text the columns of the caller's #rowpost_columns are shown, and such
-- columns in its #rowpost_rows. Answers 0, or 1 with @error saying which has no text.
CREATE OR ALTER PROCEDURE rowpost.shape_columns
    @error NVARCHAR(2000) OUTPUT
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @add NVARCHAR(MAX);
    SET @error = NULL;
    UPDATE #rowpost_columns
    SET width = CASE
            WHEN kind.width IS NOT NULL THEN kind.width
            WHEN length IS NULL THEN 256
            ELSE length
        END,
        is_max = CASE WHEN length IS NULL OR kind.width = 256 THEN 1 ELSE 0 END,
        is_right = kind.is_right,
        kept_as = CASE
            WHEN kind.kept_as = N'NVARCHAR' AND (length IS NULL OR length > 4000) THEN N'NVARCHAR(MAX)'
            WHEN kind.kept_as = N'NVARCHAR' THEN CONCAT(N'NVARCHAR(', length, N')')
            ELSE COALESCE(kind.kept_as, declared)
        END,
        cell = REPLACE(kind.cell, N'@', CONCAT(N'c', ordinal))
    FROM #rowpost_columns
    JOIN rowpost.query_types AS kind ON kind.type = #rowpost_columns.type COLLATE DATABASE_DEFAULT;
    SELECT TOP (1) @error = CONCAT(
        N'Column ', ordinal, N' (', name, N') is of a type that has no text: convert it to nvarchar.')
    FROM #rowpost_columns WHERE cell IS NULL ORDER BY ordinal;
    IF @error IS NOT NULL
        RETURN 1;
    -- A longer name makes a column wider, but for those that are cut anyway.
    UPDATE #rowpost_columns SET width = LEN(name + N'|') - 1
    WHERE is_max = 0 AND LEN(name + N'|') - 1 > width;
    SELECT @add = STRING_AGG(CAST(CONCAT(
        N'ALTER TABLE #rowpost_rows ADD c', ordinal, N' ', kept_as,
        CASE WHEN kept_as LIKE N'NVARCHAR%' THEN N' COLLATE DATABASE_DEFAULT' END, N' NULL;')
        AS NVARCHAR(MAX)), N'') WITHIN GROUP (ORDER BY ordinal)
    FROM #rowpost_columns;
    EXEC (@add);
    RETURN 0;
END
GO
