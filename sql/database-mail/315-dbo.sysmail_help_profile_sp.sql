-- One profile, or all of them.
CREATE OR ALTER PROCEDURE dbo.sysmail_help_profile_sp
    @profile_id INT = NULL,
    @profile_name SYSNAME = NULL
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @rc INT;
    IF @profile_id IS NOT NULL OR @profile_name IS NOT NULL
    BEGIN
        EXEC @rc = rowpost.find_object N'profile', @profile_id OUTPUT, @profile_name OUTPUT;
        IF @rc <> 0
            RETURN @rc;
    END
    SELECT profile_id, name, description FROM dbo.sysmail_profile
    WHERE @profile_id IS NULL OR profile_id = @profile_id
    ORDER BY profile_id;
    RETURN 0;
END
GO
