-- Which accounts send for a profile, for scripts that read this table of msdb.
CREATE OR ALTER VIEW dbo.sysmail_profileaccount
AS
SELECT
    ProfileId AS profile_id,
    AccountId AS account_id,
    SequenceNumber AS sequence_number,
    CAST(ModifiedAt AS DATETIME) AS last_mod_datetime,
    ModifiedBy AS last_mod_user
FROM dbo.Rowpost_MailProfileAccounts;
GO
