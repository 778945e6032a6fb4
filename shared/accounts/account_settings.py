"""An account as its administrator sees it, and as its row has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row

from shared.accounts.credentials.passwords import Binding
from shared.accounts.directory import (
    IMPLICIT_TLS_PORT,
    binding_of,
    is_active,
    is_yes,
    tls_of,
)
from shared.accounts.errors import BadAccountValue
from shared.accounts.failovers import NONE_FURTHER, Further, failover_ids
from shared.accounts.presets import PresetName
from shared.database.columns.widths import width
from shared.limits.sending_limits import Window, letters_of, windows_of
from shared.mime.addresses import BadAddress, parse_mailbox
from shared.mime.allowed_recipients import recipient_rule, split_entries
from shared.mime.return_path import bounce_address
from shared.smtp.ehlo_name import is_ehlo_name
from shared.smtp.opening import TlsMode
from shared.transports.kinds import LOCAL_HOSTS, NOT_ITS_HOST, TransportKind

_LINES = ("name", "email_address", "display_name", "smtp_host", "username")
_LINE_WIDTH = 255
_REDIRECT_WIDTH = 320
_ALLOWED_WIDTH = 1000
_HOST = re.compile(r"[^\s/@\\?#]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """All of an account but its password. Limits and `max_connections`: None is none."""

    name: str
    email_address: str
    display_name: str | None = None
    smtp_host: str
    smtp_port: int
    tls: TlsMode
    username: str | None = None
    active: bool = True
    param_code: str
    default: bool = False
    failover_ids: tuple[int, ...] = ()
    minute_limit: int | None = None
    hourly_limit: int | None = None
    daily_limit: int | None = None
    count_recipients_per: frozenset[Window] = frozenset()
    max_connections: int | None = None
    preset: PresetName | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    allow_plain_login: bool = False
    ehlo_name: str | None = None
    redirect_to: str | None = None
    allow_recipients: tuple[str, ...] = ()
    transport: TransportKind = TransportKind.SMTP
    bounce_address: str | None = None
    verp: bool = False

    def with_values(self, values: Mapping[str, Any]) -> AccountSettings:
        """The same with some values changed."""
        return replace(self, **values)

    @property
    def binding(self) -> Binding | None:
        """The connection that its password belongs to; None where it does not log in."""
        return binding_of(self.to_columns()) if self.logs_in else None

    @property
    def fallback_id(self) -> int | None:
        """The first of its failovers."""
        return self.failover_ids[0] if self.failover_ids else None

    @property
    def logs_in(self) -> bool:
        """Whether it has a password or client secret; an app's own identity has none."""
        if self.transport.scope is not None and self.tenant_id is None:
            return False
        return self.username is not None

    def check(self) -> None:
        """Raise BadAccountValue for what can't be used, whoever the other accounts are."""
        try:
            parse_mailbox(self.email_address)
        except BadAddress as error:
            raise BadAccountValue(
                "email_address", f"Give one email address: {error.reason}."
            ) from None
        for name in _LINES:
            if width(getattr(self, name) or "") > _LINE_WIDTH:
                raise BadAccountValue(name, f"It is longer than {_LINE_WIDTH} characters.")
        if not _HOST.fullmatch(self.smtp_host):
            raise BadAccountValue("smtp_host", "Give a host's name or address, and only that.")
        if self.ehlo_name is not None and not is_ehlo_name(self.ehlo_name):
            raise BadAccountValue("ehlo_name", "Give a host's name, or an address in brackets.")
        self._check_test_mode()
        self._check_transport()
        self._check_bounces()
        if (self.tenant_id is None) != (self.client_id is None):
            missing = "tenant_id" if self.tenant_id is None else "client_id"
            raise BadAccountValue(missing, "XOAUTH2 needs both tenant_id and client_id.")
        if self.tenant_id is not None and self.username is None:
            raise BadAccountValue("username", "XOAUTH2 needs the mailbox to send from.")
        if self.tenant_id is not None and self.tls is TlsMode.NONE:
            raise BadAccountValue("use_tls", "XOAUTH2 sends a token: it needs TLS.")

    def _check_transport(self) -> None:
        """A service over HTTP is logged in to by tokens alone, which need TLS."""
        local = self.smtp_host in LOCAL_HOSTS
        if self.transport.scope and self.tls is TlsMode.NONE and not local:
            raise BadAccountValue("use_ssl", "This service is sent a token: it needs TLS.")
        identity = self.transport.scope and self.tenant_id is None
        if identity and not self.transport.is_its_host(self.smtp_host):
            raise BadAccountValue("smtp_host", NOT_ITS_HOST)

    def _check_bounces(self) -> None:
        if self.bounce_address is None:
            if self.verp:
                raise BadAccountValue("verp", "Give the bounce_address to which it adds the token.")
            return
        if self.transport is not TransportKind.SMTP:
            raise BadAccountValue(
                "bounce_address",
                "This service writes to the sender itself: only SMTP takes another address.",
            )
        try:
            bounce_address(self.bounce_address, with_tokens=self.verp)
        except BadAddress as error:
            raise BadAccountValue("bounce_address", f"{error}.") from None

    def _check_test_mode(self) -> None:
        for name, given in (("redirect_to", self.redirect_to), ("allow_recipients", None)):
            try:
                recipient_rule(given, () if given else self.allow_recipients)
            except BadAddress as error:
                raise BadAccountValue(name, f"{error}.") from None
        if width(self.redirect_to or "") > _REDIRECT_WIDTH:
            raise BadAccountValue("redirect_to", f"It is longer than {_REDIRECT_WIDTH} characters.")
        if width(_written(self.allow_recipients)) > _ALLOWED_WIDTH:
            raise BadAccountValue(
                "allow_recipients", f"They take more than {_ALLOWED_WIDTH} characters together."
            )

    def to_columns(self) -> dict[str, Any]:
        """The row's columns, less its password and the day it was made; the first failover only."""
        return {
            "SMTPServer": self.smtp_host,
            "SMTPPort": self.smtp_port,
            "SMTPAccountName": self.username,
            "SMTPMailId": self.email_address,
            "ApplicationName": self.display_name,
            "SMTPSSLFlag": "N" if self.tls is TlsMode.NONE else "Y",
            "ParamCode": self.param_code or None,
            "IsActive": "Y" if self.active else "N",
            "Rowpost_Default": "Y" if self.default else None,
            "Rowpost_PlainLogin": "Y" if self.allow_plain_login else None,
            "Rowpost_Name": self.name,
            "Rowpost_Preset": self.preset,
            "Rowpost_Tls": None if self._flag_says_tls else self.tls.value,
            "Rowpost_MinuteLimit": self.minute_limit,
            "Rowpost_HourLimit": self.hourly_limit,
            "Rowpost_DayLimit": self.daily_limit,
            "Rowpost_CountsRecipients": letters_of(self.count_recipients_per),
            "Rowpost_MaxConnections": self.max_connections,
            "Rowpost_FallbackId": self.fallback_id,
            "Rowpost_TenantId": self.tenant_id,
            "Rowpost_ClientId": self.client_id,
            "Rowpost_EhloName": self.ehlo_name,
            "Rowpost_Transport": None if self.transport is TransportKind.SMTP else self.transport,
            "Rowpost_RedirectTo": self.redirect_to,
            "Rowpost_AllowRecipients": _written(self.allow_recipients) or None,
            "Rowpost_BounceAddress": self.bounce_address,
            "Rowpost_Verp": "Y" if self.verp else None,
        }

    @property
    def _flag_says_tls(self) -> bool:
        implicit = self.smtp_port == IMPLICIT_TLS_PORT
        return self.tls is TlsMode.NONE or implicit == (self.tls is TlsMode.IMPLICIT)


def settings_of(row: Row[Any], further: Further = NONE_FURTHER) -> AccountSettings:
    """The account that this row holds, whoever wrote it; `further`: and its further failovers."""
    columns = row._mapping
    host, port = (row.SMTPServer or "").strip(), row.SMTPPort or 25
    known = row.Rowpost_Preset if row.Rowpost_Preset in set(PresetName) else None
    return AccountSettings(
        name=row.Rowpost_Name or row.ApplicationName or row.ParamCode or host,
        email_address=row.SMTPMailId or row.SMTPAccountName or "",
        display_name=row.ApplicationName,
        smtp_host=host,
        smtp_port=port,
        tls=tls_of(columns),
        username=(row.SMTPAccountName or "").strip() or None,
        active=is_active(columns),
        param_code=row.ParamCode or "",
        default=is_yes(row.Rowpost_Default),
        failover_ids=failover_ids(row, further),
        minute_limit=row.Rowpost_MinuteLimit,
        hourly_limit=row.Rowpost_HourLimit,
        daily_limit=row.Rowpost_DayLimit,
        count_recipients_per=windows_of(row.Rowpost_CountsRecipients),
        max_connections=row.Rowpost_MaxConnections,
        preset=PresetName(known) if known else None,
        tenant_id=row.Rowpost_TenantId,
        client_id=row.Rowpost_ClientId,
        allow_plain_login=is_yes(row.Rowpost_PlainLogin),
        ehlo_name=row.Rowpost_EhloName,
        transport=_known_transport(row.Rowpost_Transport),
        redirect_to=row.Rowpost_RedirectTo,
        allow_recipients=split_entries(row.Rowpost_AllowRecipients),
        bounce_address=(row.Rowpost_BounceAddress or "").strip() or None,
        verp=is_yes(row.Rowpost_Verp),
    )


def _known_transport(written: str | None) -> TransportKind:
    """Shown as SMTP where somebody wrote what is none; the account then says so itself."""
    named = (written or "").strip().lower()
    return TransportKind(named) if named in tuple(TransportKind) else TransportKind.SMTP


def _written(entries: tuple[str, ...]) -> str:
    return ", ".join(entries)


def code_from(name: str, taken: frozenset[str]) -> str:
    """A code for an account of this name that none of the `taken` ones equals."""
    stem = re.sub(r"[^A-Z0-9]+", "-", name.upper()).strip("-")[:40] or "ACCOUNT"
    others = {one.casefold() for one in taken}
    numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(code for code in (stem, *numbered) if code.casefold() not in others)
