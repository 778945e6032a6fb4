-- The profile or account that somebody names by id, name or both. Answers 0, or the step at which it
-- was refused, with the message raised.
CREATE OR ALTER PROCEDURE rowpost.find_object
    @kind NVARCHAR(10),
    @id INT OUTPUT,
    @name SYSNAME OUTPUT
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @found_id INT, @found_name SYSNAME;
    IF @id IS NULL AND @name IS NULL
    BEGIN
        EXEC rowpost.raise_message 14604, @kind;
        RETURN 1;
    END
    IF @kind = N'profile'
        SELECT @found_id = Id, @found_name = Name FROM dbo.Rowpost_MailProfiles
        WHERE (@id IS NULL OR Id = @id) AND (@name IS NULL OR Name = @name);
    ELSE
        SELECT TOP (1) @found_id = account_id, @found_name = name FROM dbo.sysmail_account
        WHERE (@id IS NULL OR account_id = @id) AND (@name IS NULL OR name = @name)
        ORDER BY account_id;
    IF @found_id IS NULL
    BEGIN
        DECLARE @number INT = CASE
            WHEN @id IS NOT NULL AND @name IS NOT NULL THEN 14605
            WHEN @id IS NOT NULL THEN 14606
            ELSE 14607
        END;
        EXEC rowpost.raise_message @number, @kind;
        RETURN CASE @number WHEN 14605 THEN 2 WHEN 14606 THEN 3 ELSE 4 END;
    END
    SELECT @id = @found_id, @name = @found_name;
    RETURN 0;
END
GO
