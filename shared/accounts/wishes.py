"""From what a caller gives to an account's settings: presets, TLS, and what goes without saying."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.accounts.account_settings import AccountSettings, code_from
from shared.accounts.directory import IMPLICIT_TLS_PORT
from shared.accounts.errors import BadAccountValue
from shared.accounts.presets import Preset, preset
from shared.smtp.opening import TlsMode
from shared.transports.kinds import GRAPH_HOST, TransportKind

Given = Mapping[str, Any]
"""Values by the names of AccountSettings' fields, and `use_tls`, `use_ssl` and `fallback_id`; only
those given."""

_DEFAULT_PORT = 587
_HTTPS_PORT = 443
_HOST_MISSING = {
    TransportKind.SMTP: "Give the mail server's host, or a preset.",
    TransportKind.ACS: "Give the resource's host: NAME.REGION.communication.azure.com.",
}
_LIMITS = ("minute_limit", "hourly_limit", "daily_limit", "max_connections")


def new_settings(given: Given, codes: frozenset[str], catcher_port: int | None) -> AccountSettings:
    """A new account's settings; its code is made of its name where none is given.

    Raises BadAccountValue.
    """
    values = {name: value for name, value in given.items() if value is not None}
    known = _preset_of(given, catcher_port)
    # A limit that is given as null is none, whatever the preset says.
    limits = {name: None for name in _LIMITS if name in given}
    values = _values_of(known, limits | values) | values
    _require_its_own_server(values, values.setdefault("transport", TransportKind.SMTP))
    port = values["smtp_port"]
    tls = known.tls if known and port == known.port else _usual_tls(port)
    values.setdefault("param_code", code_from(values["name"], codes))
    return AccountSettings(**_with_tls(_with_failovers(values, ()), tls, port))


def changed_settings(
    present: AccountSettings, given: Given, catcher_port: int | None
) -> AccountSettings:
    """The settings with what is given in place of what was there. Raises BadAccountValue."""
    known = _preset_of(given, catcher_port)
    values = _values_of(known, given) | dict(given)
    for name in ("name", "email_address", "smtp_host", "smtp_port", "param_code"):
        if values.get(name, "") is None:
            raise BadAccountValue(name, "It can be changed, and not removed.")
    if values.get("transport", "") is None:
        values["transport"] = TransportKind.SMTP
    for name in ("active", "default", "allow_plain_login", "verp"):
        if values.get(name, "") is None:
            values[name] = name == "active"
    if values.get("count_recipients_per", "") is None:
        values["count_recipients_per"] = frozenset()
    if values.get("allow_recipients", "") is None:
        values["allow_recipients"] = ()
    kind = values.get("transport", present.transport)
    if kind is not present.transport:
        _require_its_own_server(values, kind)
    port, tls = values.get("smtp_port", present.smtp_port), present.tls
    if known:
        tls = known.tls
    elif port != present.smtp_port and tls is not TlsMode.NONE:
        tls = _usual_tls(port)
    values = _with_failovers(values, present.failover_ids)
    return present.with_values(_with_tls(values, tls, port))


def _require_its_own_server(values: dict[str, Any], kind: TransportKind) -> None:
    """Each way out has servers of its own: those of another are nothing to begin with."""
    if kind is TransportKind.GRAPH:
        values.setdefault("smtp_host", GRAPH_HOST)
    if "smtp_host" not in values:
        raise BadAccountValue("smtp_host", _HOST_MISSING[kind])
    values.setdefault("smtp_port", _HTTPS_PORT if kind.scope else _DEFAULT_PORT)


def _preset_of(given: Given, catcher_port: int | None) -> Preset | None:
    name = given.get("preset")
    return preset(name, catcher_port) if name else None


def _values_of(known: Preset | None, given: Given) -> dict[str, Any]:
    """What the preset says of what is not given."""
    if known is None:
        return {}
    values: dict[str, Any] = {
        "transport": known.transport,
        "smtp_port": known.port,
        "minute_limit": known.minute_limit,
        "hourly_limit": known.hourly_limit,
        "daily_limit": known.daily_limit,
        "count_recipients_per": known.count_recipients_per,
        "max_connections": known.max_connections,
    }
    if known.host is not None:
        values["smtp_host"] = known.host
    return {name: value for name, value in values.items() if name not in given}


def _with_failovers(values: dict[str, Any], present: tuple[int, ...]) -> dict[str, Any]:
    """`fallback_id` is the first of `failover_ids`; null is an empty list."""
    if "failover_ids" not in values and "fallback_id" not in values:
        return values
    first = values.pop("fallback_id", None)
    if "failover_ids" not in values:
        rest = (each for each in present[1:] if each != first)
        return values | {"failover_ids": () if first is None else (first, *rest)}
    ids = tuple(values["failover_ids"] or ())
    if first not in (None, *ids[:1]):
        raise BadAccountValue(
            "fallback_id", "It is the first of failover_ids: give one of them, or both alike."
        )
    return values | {"failover_ids": ids}


def _usual_tls(port: int) -> TlsMode:
    implicit = port in (IMPLICIT_TLS_PORT, _HTTPS_PORT)
    return TlsMode.IMPLICIT if implicit else TlsMode.STARTTLS


def _with_tls(values: dict[str, Any], present: TlsMode, port: int) -> dict[str, Any]:
    use_tls, use_ssl = values.pop("use_tls", None), values.pop("use_ssl", None)
    return values | {"tls": _tls(use_tls, use_ssl, present, port)}


def _tls(use_tls: bool | None, use_ssl: bool | None, present: TlsMode, port: int) -> TlsMode:
    if use_tls and use_ssl:
        raise BadAccountValue(
            "use_ssl", "Choose one: use_tls (STARTTLS) or use_ssl (TLS from the first byte on)."
        )
    if use_ssl:
        return TlsMode.IMPLICIT
    if use_tls:
        return _usual_tls(port)
    switched_off = {TlsMode.STARTTLS: use_tls is False, TlsMode.IMPLICIT: use_ssl is False}
    return TlsMode.NONE if switched_off.get(present, False) else present
