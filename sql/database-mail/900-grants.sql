-- Members of DatabaseMailUserRole send, and look after their own emails. The other procedures are db_owner's,
-- who may grant them.
GRANT EXECUTE ON dbo.sp_send_dbmail TO DatabaseMailUserRole;
GRANT EXECUTE ON dbo.sysmail_help_status_sp TO DatabaseMailUserRole;
GRANT EXECUTE ON dbo.sysmail_delete_mailitems_sp TO DatabaseMailUserRole;
GRANT EXECUTE ON rowpost.explain TO DatabaseMailUserRole;
GRANT SELECT ON dbo.sysmail_allitems TO DatabaseMailUserRole;
GRANT SELECT ON dbo.sysmail_sentitems TO DatabaseMailUserRole;
GRANT SELECT ON dbo.sysmail_unsentitems TO DatabaseMailUserRole;
GRANT SELECT ON dbo.sysmail_faileditems TO DatabaseMailUserRole;
GRANT SELECT ON dbo.sysmail_mailitems TO DatabaseMailUserRole;
GRANT SELECT ON dbo.sysmail_mailattachments TO DatabaseMailUserRole;
GRANT SELECT ON dbo.sysmail_event_log TO DatabaseMailUserRole;
GO
