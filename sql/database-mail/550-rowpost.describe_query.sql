-- What columns the first result of a query has, into the caller's #rowpost_columns. Answers 0, or 1 with
-- @error saying why it can't be told.
CREATE OR ALTER PROCEDURE rowpost.describe_query
    @query NVARCHAR(MAX),
    @error NVARCHAR(2000) OUTPUT
AS
BEGIN
    SET NOCOUNT ON;
    SET @error = NULL;
    -- In a batch of its own, so that what a server lacks is an error like any other.
    BEGIN TRY
        EXEC sp_executesql N'
            INSERT INTO #rowpost_columns (ordinal, name, declared, type, length, error)
            SELECT
                column_ordinal, COALESCE(name, N''''), UPPER(system_type_name),
                LEFT(system_type_name, CHARINDEX(N''('', system_type_name + N''('') - 1),
                CASE
                    WHEN max_length = -1 THEN NULL
                    WHEN system_type_name LIKE N''n%char%'' THEN max_length / 2
                    WHEN system_type_name LIKE N''%binary%'' THEN 2 * max_length + 2
                    WHEN system_type_name LIKE N''decimal%'' OR system_type_name LIKE N''numeric%'' THEN precision + 2
                    ELSE max_length
                END,
                CASE WHEN error_number IS NOT NULL THEN CONCAT(N''Msg '', error_number, N'': '', error_message) END
            FROM sys.dm_exec_describe_first_result_set(@query, NULL, 0)
            WHERE COALESCE(is_hidden, 0) = 0;', N'@query NVARCHAR(MAX)', @query;
        SELECT TOP (1) @error = error FROM #rowpost_columns WHERE error IS NOT NULL;
    END TRY
    BEGIN CATCH
        SET @error = CONCAT(N'Msg ', ERROR_NUMBER(), N': ', ERROR_MESSAGE());
    END CATCH
    IF @error IS NOT NULL
    BEGIN
        SET @error = CONCAT(
            LEFT(@error, 1200), N' What the query gives can''t be told beforehand: say it in WITH RESULT SETS, ',
            N'use a ##temporary table, or make the text yourself and give it in @body.');
        RETURN 1;
    END
    RETURN 0;
END
GO
