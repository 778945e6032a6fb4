-- Whether a grant of a profile (a row of Rowpost_MailPrincipals) is the caller's. 1: to everybody,
-- 2: to a group of theirs, 3: to themselves. NULL: it is somebody else's.
CREATE OR ALTER FUNCTION rowpost.may_use (@principal NVARCHAR(200), @sid NVARCHAR(172))
RETURNS INT
AS
BEGIN
    IF @principal = N'public'
        RETURN 1;
    IF LEFT(@principal, 5) <> N'user:'
        RETURN NULL;
    IF SUBSTRING(@principal, 6, 195) = USER_NAME()
        -- Somebody who was made later by the same name is not who the profile was given to.
        RETURN CASE
            WHEN @sid IS NULL OR EXISTS (
                SELECT 1 FROM sys.database_principals
                WHERE name = USER_NAME() AND TRY_CONVERT(NVARCHAR(172), sid, 1) = @sid) THEN 3
        END;
    IF IS_MEMBER(SUBSTRING(@principal, 6, 195)) = 1
        RETURN 2;
    RETURN NULL;
END
GO
