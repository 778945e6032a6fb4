-- Whether the caller may do what sysadmin may in Database Mail: here whoever owns the database.
CREATE OR ALTER FUNCTION rowpost.is_administrator ()
RETURNS BIT
AS
BEGIN
    RETURN CASE
        WHEN USER_NAME() = N'dbo' OR IS_MEMBER(N'db_owner') = 1 OR IS_SRVROLEMEMBER(N'sysadmin') = 1
            THEN 1
        ELSE 0
    END;
END
GO
