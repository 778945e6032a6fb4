-- A query's result as a file, in the caller's #rowpost_result: text in UTF-16 as people have it from Database
-- Mail, CSV and HTML in UTF-8; each with its mark (BOM).
CREATE OR ALTER PROCEDURE rowpost.query_file
    @format VARCHAR(4)
AS
BEGIN
    SET NOCOUNT ON;
    IF @format = 'TEXT'
        UPDATE #rowpost_result SET content = 0xFFFE + CAST(result AS VARBINARY(MAX));
    ELSE
        -- The collation is there from SQL Server 2019 on: apart, so that others can make this procedure.
        EXEC (N'UPDATE #rowpost_result SET content = 0xEFBBBF + CAST(CAST(
            result COLLATE Latin1_General_100_CI_AS_SC_UTF8 AS VARCHAR(MAX)) AS VARBINARY(MAX));');
    RETURN 0;
END
GO
