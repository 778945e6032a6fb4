-- The values of a query's result as texts, from the caller's #rowpost_columns and #rowpost_rows into its
-- #rowpost_cells. The statement for it is made here, and runs as the caller: it touches nothing of anybody's.
CREATE OR ALTER PROCEDURE rowpost.query_cells
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @sql NVARCHAR(MAX);
    SELECT @sql = STRING_AGG(CAST(CONCAT(
        N'INSERT INTO #rowpost_cells (number, ordinal, value) SELECT number, ', ordinal, N', ', cell,
        N' FROM #rowpost_rows;') AS NVARCHAR(MAX)), N'') WITHIN GROUP (ORDER BY ordinal)
    FROM #rowpost_columns;
    EXEC (@sql);
    RETURN 0;
END
GO
