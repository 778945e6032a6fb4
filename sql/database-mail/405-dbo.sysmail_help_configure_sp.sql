-- One parameter, or all of them.
CREATE OR ALTER PROCEDURE dbo.sysmail_help_configure_sp
    @parameter_name NVARCHAR(256) = NULL
AS
BEGIN
    SET NOCOUNT ON;
    SELECT paramname, paramvalue, description FROM dbo.sysmail_configuration
    WHERE @parameter_name IS NULL OR LOWER(paramname) = LOWER(@parameter_name)
    ORDER BY paramname;
    RETURN 0;
END
GO
