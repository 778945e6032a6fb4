-- The database user or group that somebody names by id, name or both; 0 or 'public' is everybody.
-- @principal is how Rowpost_MailPrincipals names it. Answers 0, or the step at which it was refused.
CREATE OR ALTER PROCEDURE rowpost.find_principal
    @id INT OUTPUT,
    @name SYSNAME OUTPUT,
    @principal NVARCHAR(200) OUTPUT,
    @sid NVARCHAR(172) OUTPUT
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @found_id INT, @found_name SYSNAME, @number INT;
    IF @id IS NULL AND @name IS NULL
    BEGIN
        EXEC rowpost.raise_message 14604, N'principal';
        RETURN 1;
    END
    IF COALESCE(@id, 0) = 0 AND LOWER(COALESCE(@name, N'public')) = N'public'
    BEGIN
        SELECT @id = 0, @name = N'public', @principal = N'public', @sid = NULL;
        RETURN 0;
    END
    -- SQL and Windows users and groups, those of Entra ID.
    SELECT @found_id = principal_id, @found_name = name, @sid = TRY_CONVERT(NVARCHAR(172), sid, 1)
    FROM sys.database_principals
    WHERE (@id IS NULL OR principal_id = @id) AND (@name IS NULL OR name = @name)
        AND type IN (N'S', N'U', N'G', N'E', N'X');
    IF @found_id IS NULL
    BEGIN
        SET @number = CASE
            WHEN @id IS NOT NULL AND @name IS NOT NULL THEN 14605
            WHEN @id IS NOT NULL THEN 14606
            ELSE 14607
        END;
        EXEC rowpost.raise_message @number, N'principal';
        RETURN CASE @number WHEN 14605 THEN 2 WHEN 14606 THEN 3 ELSE 4 END;
    END
    SELECT @id = @found_id, @name = @found_name, @principal = N'user:' + @found_name;
    RETURN 0;
END
GO
