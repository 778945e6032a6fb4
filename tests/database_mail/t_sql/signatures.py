"""What callers of Database Mail count on: parameters in their declared order, and columns."""

from __future__ import annotations

SEND = """
    @profile_name SYSNAME = NULL, @recipients VARCHAR(MAX) = NULL,
    @copy_recipients VARCHAR(MAX) = NULL,
    @blind_copy_recipients VARCHAR(MAX) = NULL, @subject NVARCHAR(255) = NULL,
    @body NVARCHAR(MAX) = NULL, @body_format VARCHAR(20) = NULL, @importance VARCHAR(6) = 'NORMAL',
    @sensitivity VARCHAR(12) = 'NORMAL', @file_attachments NVARCHAR(MAX) = NULL,
    @query NVARCHAR(MAX) = NULL, @execute_query_database SYSNAME = NULL,
    @attach_query_result_as_file BIT = 0, @query_attachment_filename NVARCHAR(260) = NULL,
    @query_result_header BIT = 1, @query_result_width INT = 256,
    @query_result_separator CHAR(1) = ' ', @exclude_query_output BIT = 0,
    @append_query_error BIT = 0, @query_no_truncate BIT = 0, @query_result_no_padding BIT = 0,
    @mailitem_id INT = NULL OUTPUT, @from_address VARCHAR(MAX) = NULL, @reply_to VARCHAR(MAX) = NULL
"""
"""The 24 of sp_send_dbmail; what is Rowpost's own comes after them."""

_PROFILE = "@profile_id INT = NULL, @profile_name SYSNAME = NULL"
_ACCOUNT = "@account_id INT = NULL, @account_name SYSNAME = NULL"
_PRINCIPAL = "@principal_id INT = NULL, @principal_name SYSNAME = NULL"

PROCEDURES = {
    "sysmail_add_account_sp": """
        @account_name SYSNAME, @email_address NVARCHAR(128), @display_name NVARCHAR(128) = NULL,
        @replyto_address NVARCHAR(128) = NULL, @description NVARCHAR(256) = NULL,
        @mailserver_name SYSNAME = NULL, @mailserver_type SYSNAME = N'SMTP', @port INT = 25,
        @username NVARCHAR(128) = NULL, @password NVARCHAR(128) = NULL,
        @use_default_credentials BIT = 0, @enable_ssl BIT = 0, @account_id INT = NULL OUTPUT""",
    "sysmail_update_account_sp": f"""{_ACCOUNT},
        @email_address NVARCHAR(128) = NULL, @display_name NVARCHAR(128) = NULL,
        @replyto_address NVARCHAR(128) = NULL, @description NVARCHAR(256) = NULL,
        @mailserver_name SYSNAME = NULL, @mailserver_type SYSNAME = NULL, @port INT = NULL,
        @username NVARCHAR(128) = NULL, @password NVARCHAR(128) = NULL,
        @use_default_credentials BIT = NULL, @enable_ssl BIT = NULL, @timeout INT = NULL,
        @no_credential_change BIT = NULL""",
    "sysmail_delete_account_sp": _ACCOUNT,
    "sysmail_help_account_sp": _ACCOUNT,
    "sysmail_add_profile_sp": """
        @profile_name SYSNAME, @description NVARCHAR(256) = NULL, @profile_id INT = NULL OUTPUT""",
    "sysmail_update_profile_sp": f"{_PROFILE}, @description NVARCHAR(256) = NULL",
    "sysmail_delete_profile_sp": f"{_PROFILE}, @force_delete BIT = 1",
    "sysmail_help_profile_sp": _PROFILE,
    "sysmail_add_profileaccount_sp": f"{_PROFILE}, {_ACCOUNT}, @sequence_number INT",
    "sysmail_update_profileaccount_sp": f"{_PROFILE}, {_ACCOUNT}, @sequence_number INT",
    "sysmail_delete_profileaccount_sp": f"{_PROFILE}, {_ACCOUNT}",
    "sysmail_help_profileaccount_sp": f"{_PROFILE}, {_ACCOUNT}",
    "sysmail_add_principalprofile_sp": f"{_PRINCIPAL}, {_PROFILE}, @is_default BIT = 0",
    "sysmail_update_principalprofile_sp": f"{_PRINCIPAL}, {_PROFILE}, @is_default BIT = 0",
    "sysmail_delete_principalprofile_sp": f"{_PRINCIPAL}, {_PROFILE}",
    "sysmail_help_principalprofile_sp": f"{_PRINCIPAL}, {_PROFILE}",
    "sysmail_configure_sp": """
        @parameter_name NVARCHAR(256), @parameter_value NVARCHAR(256),
        @description NVARCHAR(256) = NULL""",
    "sysmail_help_configure_sp": "@parameter_name NVARCHAR(256) = NULL",
    "sysmail_start_sp": "",
    "sysmail_stop_sp": "",
    "sysmail_help_status_sp": "",
    "sysmail_help_queue_sp": "@queue_type NVARCHAR(6) = NULL",
    "sysmail_delete_mailitems_sp": """
        @sent_before DATETIME = NULL, @sent_status VARCHAR(8) = NULL""",
    "sysmail_delete_log_sp": "@logged_before DATETIME = NULL, @event_type VARCHAR(15) = NULL",
}


def words(text: str) -> list[str]:
    return text.split()


ALL_ITEMS = words("""
    mailitem_id profile_id recipients copy_recipients blind_copy_recipients subject body
    body_format importance sensitivity file_attachments attachment_encoding query
    execute_query_database attach_query_result_as_file query_result_header query_result_width
    query_result_separator exclude_query_output append_query_error send_request_date
    send_request_user sent_account_id sent_status sent_date last_mod_date last_mod_user
""")

VIEWS = {
    "sysmail_allitems": ALL_ITEMS,
    "sysmail_sentitems": ALL_ITEMS,
    "sysmail_unsentitems": ALL_ITEMS,
    "sysmail_faileditems": ALL_ITEMS,
    "sysmail_mailitems": [*ALL_ITEMS[:6], "from_address", "reply_to", *ALL_ITEMS[6:]],
    "sysmail_mailattachments": words(
        "attachment_id mailitem_id filename filesize attachment last_mod_date last_mod_user"
    ),
    "sysmail_event_log": words("""
        log_id event_type log_date description process_id mailitem_id account_id last_mod_date
        last_mod_user
    """),
    "sysmail_profile": words("profile_id name description last_mod_datetime last_mod_user"),
    "sysmail_account": words("""
        account_id name description email_address display_name replyto_address last_mod_datetime
        last_mod_user
    """),
    "sysmail_server": words("""
        account_id servertype servername port username credential_id use_default_credentials
        enable_ssl flags timeout last_mod_datetime last_mod_user
    """),
    "sysmail_profileaccount": words(
        "profile_id account_id sequence_number last_mod_datetime last_mod_user"
    ),
    "sysmail_principalprofile": words(
        "profile_id principal_sid is_default last_mod_datetime last_mod_user"
    ),
    "sysmail_configuration": words(
        "paramname paramvalue description last_mod_datetime last_mod_user"
    ),
}
