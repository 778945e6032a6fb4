-- How query results of each type are shown: how wide and on which side sqlcmd puts them (characters; NULL: as
-- many as the column has), as what they are kept meanwhile (NULL: as they are) and as which text (@ is the
-- column).
CREATE OR ALTER VIEW rowpost.query_types
AS
SELECT
    known.type,
    CAST(known.width AS INT) AS width,
    CAST(known.is_right AS BIT) AS is_right,
    CAST(known.kept_as AS NVARCHAR(30)) AS kept_as,
    CAST(COALESCE(known.cell, N'CONVERT(NVARCHAR(MAX), @)') AS NVARCHAR(200)) AS cell
FROM (VALUES
    (N'bit', 1, 1, NULL, NULL),
    (N'tinyint', 3, 1, NULL, NULL),
    (N'smallint', 6, 1, NULL, NULL),
    (N'int', 11, 1, NULL, NULL),
    (N'bigint', 21, 1, NULL, NULL),
    (N'decimal', NULL, 1, NULL, NULL),
    (N'numeric', NULL, 1, NULL, NULL),
    (N'smallmoney', 14, 1, NULL, N'CONVERT(NVARCHAR(MAX), @, 2)'),
    (N'money', 24, 1, NULL, N'CONVERT(NVARCHAR(MAX), @, 2)'),
    -- All digits only where six are not enough.
    (N'real', 14, 1, NULL, N'CASE WHEN CAST(CONVERT(NVARCHAR(40), @) AS REAL) = @ THEN CONVERT(NVARCHAR(MAX), @) ELSE CONVERT(NVARCHAR(MAX), @, 3) END'),
    (N'float', 24, 1, NULL, N'CASE WHEN CAST(CONVERT(NVARCHAR(40), @) AS FLOAT) = @ THEN CONVERT(NVARCHAR(MAX), @) ELSE CONVERT(NVARCHAR(MAX), @, 3) END'),
    (N'date', 16, 1, NULL, N'CONVERT(NVARCHAR(MAX), @, 23)'),
    (N'time', 16, 1, NULL, NULL),
    (N'datetime', 23, 1, NULL, N'CONVERT(NVARCHAR(MAX), @, 121)'),
    (N'smalldatetime', 19, 1, NULL, N'CONVERT(NVARCHAR(MAX), @, 120)'),
    (N'datetime2', 38, 1, NULL, N'CONVERT(NVARCHAR(MAX), @, 121)'),
    (N'datetimeoffset', 45, 1, NULL, N'CONVERT(NVARCHAR(MAX), @, 121)'),
    (N'uniqueidentifier', 36, 0, NULL, NULL),
    (N'char', NULL, 0, N'NVARCHAR', NULL),
    (N'varchar', NULL, 0, N'NVARCHAR', NULL),
    (N'nchar', NULL, 0, N'NVARCHAR', NULL),
    (N'nvarchar', NULL, 0, N'NVARCHAR', NULL),
    (N'text', 256, 0, N'NVARCHAR(MAX)', NULL),
    (N'ntext', 256, 0, N'NVARCHAR(MAX)', NULL),
    (N'xml', 256, 0, NULL, NULL),
    (N'json', 256, 0, N'NVARCHAR(MAX)', NULL),
    (N'binary', NULL, 0, NULL, N'CONVERT(NVARCHAR(MAX), @, 1)'),
    (N'varbinary', NULL, 0, NULL, N'CONVERT(NVARCHAR(MAX), @, 1)'),
    (N'image', 256, 0, N'VARBINARY(MAX)', N'CONVERT(NVARCHAR(MAX), @, 1)'),
    (N'timestamp', 18, 0, N'BINARY(8)', N'CONVERT(NVARCHAR(MAX), @, 1)'),
    (N'sql_variant', 8000, 0, NULL, N'CAST(CONVERT(NVARCHAR(4000), @) AS NVARCHAR(MAX))')
) AS known (type, width, is_right, kept_as, cell);
GO
