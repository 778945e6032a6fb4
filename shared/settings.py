"""Every app setting, typed: environment variables, as the Functions host passes them on."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.database.database_url import sqlalchemy_url
from shared.errors import RowpostError
from shared.mime.allowed_recipients import RecipientRule, recipient_rule, split_entries
from shared.mime.bad_email import BadAddress
from shared.smtp.ehlo_name import is_ehlo_name

OFF = "off"
_PREFIX = "ROWPOST_"
_SIMILAR = 0.75
_AZURE_NAME = "WEBSITE_HOSTNAME"
_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?")
_LONGEST_SHOWN = 60
_TRUE_FOR_THE_WORKER = ("true", "1", "t", "y", "yes")


class WrongSettings(RowpostError):
    """Settings that cannot be used: a line for each, with its name and what is allowed."""


def _as_written(value: Any) -> Any:
    """on, off and the like, in whatever case; true and false are on and off."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    return {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}.get(
        word, word
    )


Switch = Annotated[Literal["on", "off"], BeforeValidator(_as_written)]


class Settings(BaseSettings):
    """The app settings of one process. Empty variables count as not set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    port: int = Field(7071, alias="ROWPOST_PORT", ge=1, le=65535)
    host: str = Field("127.0.0.1", alias="ROWPOST_HOST")
    proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (), alias="ROWPOST_TRUSTED_PROXIES"
    )
    data: Path = Field(Path(".rowpost"), alias="ROWPOST_DATA")
    admin_username: str | None = Field(None, alias="ROWPOST_ADMIN_USERNAME", max_length=100)
    admin_password: str | None = Field(None, alias="ROWPOST_ADMIN_PASSWORD", repr=False)
    catcher_port: Annotated[int | None, NoDecode] = Field(
        1025, alias="ROWPOST_CATCHER_PORT", ge=0, le=65535
    )
    database_url: str | None = Field(None, alias="DATABASE_URL", repr=False)
    trusted_servers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), alias="ROWPOST_TRUST_SERVER_CERTIFICATE"
    )
    threads: int = Field(32, alias="PYTHON_THREADPOOL_THREAD_COUNT", ge=1, le=1000)
    body_limit: int = Field(
        100 * 1024 * 1024, alias="FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", ge=1, le=2**31 - 1
    )
    migrate: Switch = Field("on", alias="ROWPOST_MIGRATE")
    legacy_dates: Literal["utc", "local"] = Field("utc", alias="ROWPOST_LEGACY_DATES")
    key_vault_uri: str | None = Field(None, alias="KEY_VAULT_URI")
    secret_key: str | None = Field(None, alias="ROWPOST_SECRET_KEY", repr=False)
    storage: str | None = Field(None, alias="AzureWebJobsStorage", repr=False)
    storage_account: str | None = Field(None, alias="AzureWebJobsStorage__accountName")
    lease_seconds: int = Field(60, alias="ROWPOST_LEASE_SECONDS", ge=1, le=3600)
    smtp_timeout: int = Field(300, alias="ROWPOST_SMTP_TIMEOUT", ge=1, le=600)
    ehlo_name: str | None = Field(None, alias="ROWPOST_EHLO_NAME", max_length=255)
    max_retries: int = Field(27, alias="ROWPOST_MAX_RETRIES", ge=0, le=100)
    retry_seconds: float = Field(60.0, alias="ROWPOST_RETRY_SECONDS", gt=0, le=86400)
    connections: int = Field(8, alias="ROWPOST_CONNECTIONS", ge=1, le=64)
    public_url: str | None = Field(None, alias="ROWPOST_PUBLIC_URL", max_length=300)
    redirect_to: str | None = Field(None, alias="ROWPOST_REDIRECT_TO")
    allow_recipients: Annotated[tuple[str, ...], NoDecode] = Field(
        (), alias="ROWPOST_ALLOW_RECIPIENTS"
    )
    most_attached_mb: int = Field(25, alias="ROWPOST_MOST_ATTACHED_MB", ge=1, le=100)
    keep_days: float | None = Field(None, alias="ROWPOST_KEEP_DAYS", gt=0, le=36_500)
    keep_record_days: float | None = Field(None, alias="ROWPOST_KEEP_RECORD_DAYS", gt=0, le=36_500)
    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = Field((), alias="ROWPOST_WEBHOOK_HOSTS")
    event_days: float = Field(30, alias="ROWPOST_EVENT_DAYS", gt=0, le=36_500)
    resend_unknown: Switch = Field("off", alias="ROWPOST_RESEND_UNKNOWN")
    request_limits: Switch = Field("on", alias="ROWPOST_REQUEST_LIMITS")
    anonymous_requests: int = Field(6_000, alias="ROWPOST_ANONYMOUS_REQUESTS", ge=1)
    user_requests: int = Field(60_000, alias="ROWPOST_USER_REQUESTS", ge=1)
    contact_email: str | None = Field(None, alias="CONTACT_EMAIL")
    contact_account: str | None = Field(None, alias="CONTACT_ACCOUNT")
    contact_file_mb: int = Field(10, alias="ROWPOST_CONTACT_FILE_MB", ge=1, le=25)
    insights: str | None = Field(None, alias="APPLICATIONINSIGHTS_CONNECTION_STRING", repr=False)
    worker_telemetry: str | None = Field(None, alias="PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY")
    metrics: Annotated[Literal["token", "open", "off"], BeforeValidator(_as_written)] = Field(
        "token", alias="ROWPOST_METRICS"
    )
    log_addresses: Switch = Field("off", alias="ROWPOST_LOG_ADDRESSES")
    reset_account: str | None = Field(None, alias="RESET_ACCOUNT")
    reset_ttl: int = Field(900, alias="ROWPOST_RESET_TTL", ge=30, le=86400)
    sender_email: str | None = Field(None, alias="SENDER_EMAIL")
    sender_name: str | None = Field(None, alias="SENDER_NAME")
    redis_url: str | None = Field(None, alias="REDIS_URL", repr=False)
    trust_issuer: str | None = Field(None, alias="ROWPOST_TRUST_ISSUER")
    trust_audience: str | None = Field(None, alias="ROWPOST_TRUST_AUDIENCE")
    trust_algorithm: str | None = Field(None, alias="ROWPOST_TRUST_ALGORITHM")
    trust_secret: str | None = Field(None, alias="ROWPOST_TRUST_SECRET")
    trust_jwks_url: str | None = Field(None, alias="ROWPOST_TRUST_JWKS_URL")
    trust_claim: str = Field("role=service", alias="ROWPOST_TRUST_CLAIM")

    @field_validator("catcher_port", mode="before")
    @classmethod
    def _off_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and value.strip().lower() == OFF else value

    @property
    def has_storage(self) -> bool:
        """Whether there is an Azure Storage account, by connection string or by identity."""
        return bool(self.storage or self.storage_account)

    @property
    def has_telemetry(self) -> bool:
        """Whether the Functions worker has set up OpenTelemetry for Application Insights."""
        asked_for = (self.worker_telemetry or "").strip().lower()
        return bool(self.insights) and asked_for in _TRUE_FOR_THE_WORKER

    @field_validator("trusted_servers", mode="before")
    @classmethod
    def _names_between_commas(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())

    @field_validator("webhook_hosts", mode="before")
    @classmethod
    def _hosts_between_commas(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(name.strip().lower() for name in value.split(",") if name.strip())

    @field_validator("proxies", mode="before")
    @classmethod
    def _networks_between_commas(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        written = [part.strip() for part in value.split(",") if part.strip()]
        try:
            return tuple(ip_network(part, strict=False) for part in written)
        except ValueError:
            raise ValueError("give IP addresses or networks with commas between them") from None

    @field_validator("ehlo_name")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        if value is not None and not is_ehlo_name(value):
            raise ValueError("give a host's name, or an address in brackets")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_address_of_the_web(cls, value: str | None) -> str | None:
        if value is not None and not _WEB_ADDRESS.fullmatch(value.strip()):
            raise ValueError("give an address like https://mail.example.com")
        return None if value is None else value.strip().rstrip("/")

    @property
    def public_address(self) -> str | None:
        """Where others reach this service, without a slash at its end; None: nobody has said."""
        if self.public_url is None and self.in_azure and (name := os.environ.get(_AZURE_NAME)):
            return f"https://{name}"
        return self.public_url

    @field_validator("redirect_to")
    @classmethod
    def _is_one_address(cls, value: str | None) -> str | None:
        try:
            recipient_rule(value, ())
        except BadAddress as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("allow_recipients", mode="before")
    @classmethod
    def _addresses_and_domains(cls, value: Any) -> Any:
        entries = split_entries(value) if isinstance(value, str) else value
        try:
            recipient_rule(None, entries)
        except BadAddress as error:
            raise ValueError(str(error)) from None
        return entries

    @property
    def recipient_rule(self) -> RecipientRule | None:
        """Whom any email may reach, in test mode; None: everybody."""
        return recipient_rule(self.redirect_to, self.allow_recipients)

    @field_validator("database_url")
    @classmethod
    def _as_sqlalchemy_reads_it(cls, value: str | None) -> str | None:
        return None if value is None else sqlalchemy_url(value)

    @property
    def in_azure(self) -> bool:
        """Whether the process runs on Azure's own machines, by the names that these set.

        As in the host's own source (EnvironmentExtensions.cs): App Service, or Flex Consumption.
        """
        environment = os.environ
        on_flex = environment.get("CONTAINER_NAME") or environment.get("WEBSITE_POD_NAME")
        return bool(
            environment.get("WEBSITE_INSTANCE_ID")
            or (on_flex and environment.get("LEGION_SERVICE_HOST"))
        )


def read_local_settings(folder: Path) -> None:
    """Take the values of `local.settings.json`, if it is there, as `func start` does.

    A variable that the environment already has wins. Raises WrongSettings.
    """
    file = folder / "local.settings.json"
    if not file.exists():
        return
    try:
        values = json.loads(file.read_text("utf-8-sig")).get("Values", {}).items()
    except json.JSONDecodeError as error:
        raise WrongSettings(
            f"{file.name}, line {error.lineno}, column {error.colno}, is no JSON: {error.msg}."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{file.name} cannot be read: {type(error).__name__}.") from None
    except AttributeError:
        raise WrongSettings(f'{file.name} has to hold {{"Values": {{"NAME": "value"}}}}.') from None
    for name, value in values:
        if isinstance(value, dict | list):
            raise WrongSettings(f"{file.name}: {name} has to be text.")
        os.environ.setdefault(name, str(value))


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once. Raises WrongSettings."""
    try:
        return Settings()
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        raise WrongSettings("\n".join(map(_line, details))) from None


def misspelled(names: Iterable[str]) -> Iterator[str]:
    """A line for each name that is no setting, but nearly is one."""
    known = {_bare(field.alias): field.alias for field in _fields().values() if field.alias}
    for name in sorted(names):
        if not name.upper().startswith(_PREFIX) or _bare(name) in known:
            continue
        if meant := get_close_matches(_bare(name), known, 1, _SIMILAR):
            yield f"{name} is no setting: did you mean {known[meant[0]]}?"


def _bare(name: str) -> str:
    return name.upper().removeprefix(_PREFIX)


def _fields() -> Mapping[str, FieldInfo]:
    return Settings.model_fields


def _line(detail: ErrorDetails) -> str:
    name = str(detail["loc"][0])
    field = next(field for field in _fields().values() if field.alias == name)
    shown = f'is "{str(detail["input"])[:_LONGEST_SHOWN]}"' if field.repr else "cannot be used"
    return f"{name} {shown}: {_allowed(detail, field)}."


def _allowed(detail: ErrorDetails, field: FieldInfo) -> str:
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if choices := get_args(field.annotation):
        words = [choice for choice in choices if isinstance(choice, str)]
        if words:
            return f"give {' or '.join(words)}"
    bounds = {
        name: getattr(rule, name)
        for rule in field.metadata
        for name in ("ge", "gt", "le")
        if hasattr(rule, name)
    }
    if "le" in bounds:
        kind = "a number" if field.annotation in (float, float | None) else "a whole number"
        least = f"from {bounds['ge']}" if "ge" in bounds else f"above {bounds.get('gt')}"
        return f"give {kind} {least} to {bounds['le']}"
    return detail["msg"][:1].lower() + detail["msg"][1:]
