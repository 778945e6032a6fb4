-- A code for an account of this name, by which the API and rows of the queue may name it: one that no
-- account has.
CREATE OR ALTER FUNCTION rowpost.code_of_name (@name NVARCHAR(128))
RETURNS NVARCHAR(50)
AS
BEGIN
    DECLARE @stem NVARCHAR(40) = N'', @letter NCHAR(1), @place INT = 1, @number INT = 1;
    DECLARE @code NVARCHAR(50);
    WHILE @place <= LEN(@name) AND LEN(@stem) < 40
    BEGIN
        SET @letter = UPPER(SUBSTRING(@name, @place, 1));
        IF UNICODE(@letter) BETWEEN 48 AND 57 OR UNICODE(@letter) BETWEEN 65 AND 90
            SET @stem = @stem + @letter;
        ELSE IF @stem <> N'' AND RIGHT(@stem, 1) <> N'-'
            SET @stem = @stem + N'-';
        SET @place = @place + 1;
    END
    IF RIGHT(@stem, 1) = N'-'
        SET @stem = LEFT(@stem, LEN(@stem) - 1);
    IF @stem = N''
        SET @stem = N'ACCOUNT';
    SET @code = @stem;
    WHILE EXISTS (SELECT 1 FROM dbo.tbl_EMailParameters WHERE LOWER(ParamCode) = LOWER(@code))
    BEGIN
        SET @number = @number + 1;
        SET @code = @stem + N'-' + CAST(@number AS NVARCHAR(10));
    END
    RETURN @code;
END
GO
