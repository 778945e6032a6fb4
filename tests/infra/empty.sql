-- An empty database with the option that the container and `azd up` turn on.
ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT ON WITH NO_WAIT;
GO
