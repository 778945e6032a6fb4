-- Whether emails are taken here: neither stopped, nor moved to another database. Answers 0, or 1 with the
-- message raised.
CREATE OR ALTER PROCEDURE rowpost.check_started
AS
BEGIN
    SET NOCOUNT ON;
    IF EXISTS (SELECT 1 FROM dbo.Rowpost_MailConfiguration WHERE Name = N'Rowpost.Status' AND Value = N'STOPPED')
    BEGIN
        EXEC rowpost.raise_message 14641;
        RETURN 1;
    END
    IF EXISTS (SELECT 1 FROM dbo.Rowpost_Relocation WHERE MovedAt IS NOT NULL)
    BEGIN
        RAISERROR(N'Nothing was queued: Rowpost was moved to another database, and sends nothing from this one.', 16, 1);
        RETURN 1;
    END
    RETURN 0;
END
GO
