-- Raise a message of Database Mail by its number, so that the caller's batch goes on as it did there.
-- THROW would end it, and takes no number below 50000. A server without the message says its text, with
-- the number in front, as error 50000.
CREATE OR ALTER PROCEDURE rowpost.raise_message
    @number INT,
    @first NVARCHAR(2000) = NULL,
    @second NVARCHAR(400) = NULL
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @text NVARCHAR(500) = N'Msg %d: ' + rowpost.message_text(@number);
    IF @number NOT BETWEEN 14000 AND 14999
        OR COALESCE(FORMATMESSAGE(14607, N'profile'), N'14607') = N'14607'
        RAISERROR(@text, 16, 1, @number, @first, @second);
    ELSE IF @number = 14266 RAISERROR(14266, -1, -1, @first, @second);
    ELSE IF @number = 14604 RAISERROR(14604, -1, -1, @first);
    ELSE IF @number = 14605 RAISERROR(14605, -1, -1, @first);
    ELSE IF @number = 14606 RAISERROR(14606, -1, -1, @first);
    ELSE IF @number = 14607 RAISERROR(14607, -1, -1, @first);
    ELSE IF @number = 14608 RAISERROR(14608, -1, -1, @first, @second);
    ELSE IF @number = 14610 RAISERROR(14610, -1, -1);
    ELSE IF @number = 14611 RAISERROR(14611, -1, -1);
    ELSE IF @number = 14612 RAISERROR(14612, -1, -1, @first);
    ELSE IF @number = 14613 RAISERROR(14613, -1, -1, @first);
    ELSE IF @number = 14614 RAISERROR(14614, -1, -1, @first);
    ELSE IF @number = 14615 RAISERROR(14615, -1, -1);
    ELSE IF @number = 14618 RAISERROR(14618, -1, -1, @first);
    ELSE IF @number = 14622 RAISERROR(14622, -1, -1);
    ELSE IF @number = 14623 RAISERROR(14623, -1, -1);
    ELSE IF @number = 14624 RAISERROR(14624, -1, -1, @first);
    ELSE IF @number = 14625 RAISERROR(14625, -1, -1);
    ELSE IF @number = 14626 RAISERROR(14626, -1, -1);
    ELSE IF @number = 14628 RAISERROR(14628, -1, -1);
    ELSE IF @number = 14630 RAISERROR(14630, -1, -1, @first);
    ELSE IF @number = 14631 RAISERROR(14631, -1, -1);
    ELSE IF @number = 14633 RAISERROR(14633, -1, -1, @first);
    ELSE IF @number = 14636 RAISERROR(14636, -1, -1);
    ELSE IF @number = 14641 RAISERROR(14641, -1, -1);
    ELSE IF @number = 14661 RAISERROR(14661, -1, -1, @first);
    ELSE IF @number = 14666 RAISERROR(14666, -1, -1);
    ELSE IF @number = 14668 RAISERROR(14668, -1, -1, @first);
    RETURN 0;
END
GO
