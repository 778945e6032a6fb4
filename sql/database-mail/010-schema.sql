-- The schema of what the procedures share, and the role whose members may send.
IF OBJECT_ID(N'dbo.Rowpost_MailItems', N'U') IS NULL
    RAISERROR(N'The tables of Rowpost are missing or old: run `rowpost migrate` first.', 16, 1);
GO
IF SCHEMA_ID(N'rowpost') IS NULL
    EXEC (N'CREATE SCHEMA rowpost AUTHORIZATION dbo');
GO
IF DATABASE_PRINCIPAL_ID(N'DatabaseMailUserRole') IS NULL
    CREATE ROLE DatabaseMailUserRole;
GO
