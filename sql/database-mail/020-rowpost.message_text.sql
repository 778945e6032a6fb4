-- What a message of Database Mail says, for a server that does not have it in sys.messages.
-- Each %s stands for what is named.
CREATE OR ALTER FUNCTION rowpost.message_text (@number INT)
RETURNS NVARCHAR(400)
AS
BEGIN
    RETURN CASE @number
        WHEN 14266 THEN N'%s is not a value that is known here: give one of %s.'
        WHEN 14604 THEN N'Give the id or the name of the %s.'
        WHEN 14605 THEN N'The id and the name are not those of the same %s.'
        WHEN 14606 THEN N'%s id is not valid: there is none with this id.'
        WHEN 14607 THEN N'%s name is not valid.'
        WHEN 14608 THEN N'Give %s, or %s.'
        WHEN 14610 THEN N'Give @profile_name or @description: there is nothing to change.'
        WHEN 14611 THEN N'Give @sequence_number.'
        WHEN 14612 THEN N'%s has no default profile yet: give this one with @is_default = 1.'
        WHEN 14613 THEN N'%s has a comma: part the addresses with ;.'
        WHEN 14614 THEN N'%s is not a type of mail server that is known here: it may be SMTP.'
        WHEN 14615 THEN N'A password needs a user name: give @username, too.'
        WHEN 14618 THEN N'%s may not be NULL.'
        WHEN 14622 THEN N'@importance may be Low, Normal or High.'
        WHEN 14623 THEN N'@sensitivity may be Normal, Personal, Private or Confidential.'
        WHEN 14624 THEN N'At least one of "%s" is needed.'
        WHEN 14625 THEN N'A query result can only be attached where there is a query: give @query, too.'
        WHEN 14626 THEN N'@body_format may be TEXT or HTML.'
        WHEN 14628 THEN N'@file_attachments is no list of files.'
        WHEN 14630 THEN N'Files with the extension %s may not be sent (ProhibitedExtensions).'
        WHEN 14631 THEN N'The query can only run in the database in which sp_send_dbmail is called.'
        WHEN 14633 THEN N'The database %s of the query does not exist here.'
        WHEN 14636 THEN N'You have no default profile, and there is no public one: name a profile in @profile_name.'
        WHEN 14641 THEN N'Nothing was queued, for Database Mail is stopped: start it with dbo.sysmail_start_sp.'
        WHEN 14661 THEN N'The query failed: %s'
        WHEN 14666 THEN N'An account has a user name, or the default credentials, not both.'
        WHEN 14668 THEN N'The profile %s has emails that are not sent yet: they fail with @force_delete = 1.'
        ELSE N'%s'
    END;
END
GO
