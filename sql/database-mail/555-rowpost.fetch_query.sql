-- Run a query as the caller, and keep its rows in their order in the caller's #rowpost_rows, which has the
-- columns of #rowpost_columns. Answers 0, or 1 with @error in the server's own words.
CREATE OR ALTER PROCEDURE rowpost.fetch_query
    @query NVARCHAR(MAX),
    @error NVARCHAR(2000) OUTPUT
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT OFF;
    DECLARE @open INT = @@TRANCOUNT, @sql NVARCHAR(MAX), @names NVARCHAR(MAX);
    SET @error = NULL;
    SELECT @names = STRING_AGG(CAST(CONCAT(N'c', ordinal) AS NVARCHAR(MAX)), N', ') WITHIN GROUP (ORDER BY ordinal)
    FROM #rowpost_columns;
    BEGIN TRY
        IF @names IS NULL
            EXEC (@query);
        ELSE
        BEGIN
            SET @sql = N'INSERT INTO #rowpost_rows (' + @names + N') EXEC (@query)';
            EXEC sp_executesql @sql, N'@query NVARCHAR(MAX)', @query;
        END
    END TRY
    BEGIN CATCH
        SET @error = CONCAT(
            N'Msg ', ERROR_NUMBER(), N', Level ', ERROR_SEVERITY(), N', State ', ERROR_STATE(), N', Line ',
            ERROR_LINE(), N': ', LEFT(ERROR_MESSAGE(), 1200),
            CASE WHEN ERROR_NUMBER() = 8164
                THEN N' Neither the query nor whoever calls sp_send_dbmail may be inside of an INSERT ... EXEC.' END);
    END CATCH
    IF @error IS NULL AND @@TRANCOUNT <> @open
        SET @error = N'The query began or ended a transaction: it may do neither.';
    IF @error IS NOT NULL
        RETURN 1;
    RETURN 0;
END
GO
