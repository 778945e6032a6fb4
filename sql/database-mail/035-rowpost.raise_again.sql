-- In a CATCH: tell the caller the error that was caught, as one that their batch may go on after. Errors of
-- the server's own can't be raised again by their number.
CREATE OR ALTER PROCEDURE rowpost.raise_again
AS
BEGIN
    DECLARE @text NVARCHAR(2000) = LEFT(ERROR_MESSAGE(), 1900), @number INT = ERROR_NUMBER();
    IF @number = 50000
        RAISERROR(N'%s', 16, 1, @text);
    ELSE
        RAISERROR(N'Msg %d: %s', 16, 1, @number, @text);
END
GO
