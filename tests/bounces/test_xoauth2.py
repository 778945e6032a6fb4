"""A mailbox of Microsoft 365 that is read by IMAP with an access token."""

from __future__ import annotations

import pytest

from shared.bounces.mailboxes.mailbox import BadMailboxValue, MailboxKind, MailboxSettings
from shared.smtp.oauth import access_tokens
from shared.smtp.opening import TlsMode
from tests.support.bounces import AUTOREPLY, Mailroom
from tests.support.dovecot import Dovecot
from tests.support.smtp import TlsFiles
from tests.support.token_endpoint import CLIENT, SECRET, TENANT, token_endpoint


def test_a_token_of_the_application_lets_it_in_and_a_refused_one_is_replaced(
    mailroom: Mailroom,
    server: Dovecot,
    user: str,
    trusted: TlsFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    access_tokens.cache_clear()
    server.put(user, AUTOREPLY)
    server.tokens["token-2"] = user  # The first one is refused.
    settings = MailboxSettings(
        name="Contoso",
        kind=MailboxKind.IMAP,
        host="localhost",
        port=server.tls_port,
        tls=TlsMode.IMPLICIT,
        username=user,
        tenant_id=TENANT,
        client_id=CLIENT,
    )
    admin = mailroom.app.mailbox_admin()
    with token_endpoint(trusted) as endpoint:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", endpoint.address)
        mailbox = admin.make(settings, SECRET, "login:admin")
        tried = admin.test(mailbox.id)
    access_tokens.cache_clear()

    assert (tried.messages, tried.fault) == (1, None)
    assert endpoint.asked[0]["scope"] == "https://outlook.office365.com/.default"
    with pytest.raises(BadMailboxValue, match="again"):
        admin.change(mailbox.id, settings.with_values({"tenant_id": "another.example"}), None)
