"""Which DKIM key signs an account's emails: made, put into use, given up.

An account signs with one key, and may have another that takes its place once DNS has it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, select, update

from shared.accounts.credentials.dkim_secrets import forget_key, keep_key, resolve_key
from shared.accounts.errors import AccountNotFound, BadAccountValue
from shared.accounts.numbers import number_new_accounts
from shared.app import Application
from shared.database.tables import accounts
from shared.errors import RowpostError
from shared.mime.address_form import domain_of
from shared.mime.addresses import BadAddress, envelope_address, parse_recipients
from shared.mime.dkim.signature import DkimKey, is_published, new_key

_DNS_SECONDS = 10.0


class NotPublished(RowpostError):
    """DNS does not have the key: what is signed with it would fail."""


class DkimKeys(NamedTuple):
    """The key that an account signs with, and the one that is to take its place; None: none."""

    present: DkimKey | None
    following: DkimKey | None


def keys_of(application: Application, account_id: int) -> DkimKeys:
    """Both keys of an account. Raises AccountNotFound, DkimKeyUnavailable, DatabaseUnreachable,
    SecretStoreUnavailable."""
    row, secrets = _row(application, account_id), application.secrets
    present, following = row.Rowpost_Dkim, row.Rowpost_DkimNext
    return DkimKeys(
        resolve_key(secrets, present) if present else None,
        resolve_key(secrets, following) if following else None,
    )


def make_key(application: Application, account_id: int) -> DkimKey:
    """Make the key that is to sign an account's emails, or show the one that was made before.

    Raises BadAccountValue where the account has no address of its own, and what `keys_of` does.
    """
    row = _row(application, account_id)
    if row.Rowpost_DkimNext:
        return resolve_key(application.secrets, row.Rowpost_DkimNext)
    selector = f"rowpost-{datetime.now(UTC):%Y%m%d}-{uuid.uuid4().hex[:4]}"
    key = new_key(_domain_of(row), selector)
    reference = keep_key(application.secrets, row.ParamCode or "", key)
    _write(application, account_id, Rowpost_DkimNext=reference)
    return key


def begin_signing(application: Application, account_id: int, *, unchecked: bool = False) -> DkimKey:
    """Let the key that was made last sign from now on; the one before is forgotten.

    Raises NotPublished where DNS does not have it yet (`unchecked`: nobody looks), BadAccountValue
    where none was made, and what `keys_of` does.
    """
    row = _row(application, account_id)
    if not row.Rowpost_DkimNext:
        raise BadAccountValue("account", "No key was made for it: run `rowpost dkim make` first.")
    key = resolve_key(application.secrets, row.Rowpost_DkimNext)
    if not unchecked and not is_published(key, _texts_at(key.record_name)):
        raise NotPublished(f"DNS has no TXT record with this key at {key.record_name} yet.")
    _write(application, account_id, Rowpost_Dkim=row.Rowpost_DkimNext, Rowpost_DkimNext=None)
    forget_key(application.secrets, row.Rowpost_Dkim)
    return key


def end_signing(application: Application, account_id: int) -> None:
    """Sign no more, and forget both keys. Raises AccountNotFound, DatabaseUnreachable."""
    row = _row(application, account_id)
    _write(application, account_id, Rowpost_Dkim=None, Rowpost_DkimNext=None)
    forget_key(application.secrets, row.Rowpost_Dkim)
    forget_key(application.secrets, row.Rowpost_DkimNext)


def _row(application: Application, account_id: int) -> Row[Any]:
    number_new_accounts(application.database())
    with application.database().read() as connection:
        its_row = select(accounts).where(accounts.c.Rowpost_Id == account_id)
        row = connection.execute(its_row).first()
    if row is None:
        raise AccountNotFound
    return row


def _write(application: Application, account_id: int, **columns: str | None) -> None:
    its_row = update(accounts).where(accounts.c.Rowpost_Id == account_id).values(columns)
    application.database().run(lambda connection: connection.execute(its_row))


def _domain_of(row: Row[Any]) -> str:
    """The domain of its sender, which DMARC compares with the signature's."""
    try:
        mailboxes = parse_recipients(row.SMTPMailId) or parse_recipients(row.SMTPAccountName)
        return domain_of(envelope_address(mailboxes[0].address).address)
    except (BadAddress, IndexError):
        raise BadAccountValue(
            "email_address", "Give the account its own address first: its domain signs."
        ) from None


def _texts_at(name: str) -> Sequence[str]:
    """The TXT records there, each as one text; none where DNS has none or does not answer."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=_DNS_SECONDS)
    except dns.exception.DNSException:
        return []
    return [b"".join(record.strings).decode("latin-1") for record in answer]
