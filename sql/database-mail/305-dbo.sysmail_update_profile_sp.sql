-- Change a profile. With an id, the name is its new one. What is NULL stays.
CREATE OR ALTER PROCEDURE dbo.sysmail_update_profile_sp
    @profile_id INT = NULL,
    @profile_name SYSNAME = NULL,
    @description NVARCHAR(256) = NULL
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @rc INT, @found SYSNAME = CASE WHEN @profile_id IS NULL THEN @profile_name END;
    EXEC @rc = rowpost.find_object N'profile', @profile_id OUTPUT, @found OUTPUT;
    IF @rc <> 0
        RETURN @rc;
    IF @profile_name IS NULL AND @description IS NULL
    BEGIN
        EXEC rowpost.raise_message 14610;
        RETURN 1;
    END
    UPDATE dbo.Rowpost_MailProfiles
    SET Name = COALESCE(@profile_name, Name), Description = COALESCE(@description, Description),
        ModifiedAt = SYSUTCDATETIME(), ModifiedBy = USER_NAME()
    WHERE Id = @profile_id;
    IF @@ERROR <> 0
        RETURN 1;
    RETURN 0;
END
GO
