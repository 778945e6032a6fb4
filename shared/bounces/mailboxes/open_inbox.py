"""Opening a mailbox by whichever protocol it speaks, with its login from the secret store."""

from __future__ import annotations

from shared.accounts.credentials.passwords import PasswordUnavailable, resolve
from shared.bounces.mailboxes.inbox import Inbox, MailboxFault
from shared.bounces.mailboxes.mailbox import MailboxKind, MailboxSettings
from shared.configuration.secret_store import SecretStore
from shared.smtp.oauth import SCOPE, TokenSource, access_tokens, identity_tokens
from shared.transports.kinds import TransportKind

_GRAPH_SCOPE = TransportKind.GRAPH.scope or ""


def open_inbox(
    settings: MailboxSettings, reference: str | None, secrets: SecretStore, seconds: float
) -> Inbox:
    """Connect and log in. `reference`: to its password or its client's secret. `seconds`: so long
    the inbox may be used; whoever asks it for something then gets a MailboxFault.

    Raises MailboxFault, SecretStoreUnavailable.
    """
    secret = None
    if settings.has_secret:
        try:
            secret = resolve(secrets, reference or "", settings.binding)
        except PasswordUnavailable:
            raise MailboxFault(
                "its password is not in the secret store, or was given for another host, port, "
                "encryption or user: enter it again"
            ) from None
    tokens = _tokens(settings, secret)
    if settings.kind is MailboxKind.GRAPH:
        from shared.bounces.mailboxes.graph import open_graph

        return open_graph(settings, tokens or identity_tokens(_GRAPH_SCOPE), seconds)
    from shared.bounces.mailboxes.imap import open_imap

    return open_imap(settings, None if tokens else secret, tokens, seconds)


def _tokens(settings: MailboxSettings, secret: str | None) -> TokenSource | None:
    tenant, client = settings.tenant_id, settings.client_id
    if tenant is None or client is None or secret is None:
        return None
    scope = _GRAPH_SCOPE if settings.kind is MailboxKind.GRAPH else SCOPE
    return access_tokens(tenant, client, secret, scope)
