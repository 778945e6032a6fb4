-- Set a parameter. A name that is not known changes nothing, and is no error.
CREATE OR ALTER PROCEDURE dbo.sysmail_configure_sp
    @parameter_name NVARCHAR(256),
    @parameter_value NVARCHAR(256),
    @description NVARCHAR(256) = NULL
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Rowpost_MailConfiguration
    SET Value = @parameter_value, Description = COALESCE(@description, Description),
        ModifiedAt = SYSUTCDATETIME(), ModifiedBy = USER_NAME()
    WHERE LOWER(Name) = LOWER(@parameter_name) AND Name NOT LIKE N'%.%';
    RETURN 0;
END
GO
