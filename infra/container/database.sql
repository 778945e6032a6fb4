-- Rowpost's database, and a login that owns this database and nothing else. Does no harm twice.
:On Error exit
IF DB_ID(N'rowpost') IS NULL CREATE DATABASE rowpost;
GO
IF SUSER_ID(N'rowpost') IS NULL
    CREATE LOGIN rowpost WITH PASSWORD = N'$(ROWPOST_DATABASE_PASSWORD)', DEFAULT_DATABASE = rowpost;
GO
IF (SELECT is_read_committed_snapshot_on FROM sys.databases WHERE name = N'rowpost') = 0
    ALTER DATABASE rowpost SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK AFTER 30 SECONDS;
GO
USE rowpost;
IF DATABASE_PRINCIPAL_ID(N'rowpost') IS NULL CREATE USER rowpost FOR LOGIN rowpost;
ALTER ROLE db_owner ADD MEMBER rowpost;
GO
