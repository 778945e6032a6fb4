"""Every app setting, typed: environment variables, as the Functions host passes them on."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

OFF = "off"
_TRUE_FOR_THE_WORKER = ("true", "1", "t", "y", "yes")


class Settings(BaseSettings):
    """The app settings of one process. Empty variables count as not set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    port: int = Field(7071, alias="ROWPOST_PORT", ge=1, le=65535)
    host: str = Field("127.0.0.1", alias="ROWPOST_HOST")
    data: Path = Field(Path(".rowpost"), alias="ROWPOST_DATA")
    admin_username: str | None = Field(None, alias="ROWPOST_ADMIN_USERNAME", max_length=100)
    admin_password: str | None = Field(None, alias="ROWPOST_ADMIN_PASSWORD", repr=False)
    catcher_port: Annotated[int | None, NoDecode] = Field(1025, alias="ROWPOST_CATCHER_PORT")
    database_url: str | None = Field(None, alias="DATABASE_URL", repr=False)
    trusted_servers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), alias="ROWPOST_TRUST_SERVER_CERTIFICATE"
    )
    migrate: Literal["on", "off"] = Field("on", alias="ROWPOST_MIGRATE")
    legacy_dates: Literal["utc", "local"] = Field("utc", alias="ROWPOST_LEGACY_DATES")
    key_vault_uri: str | None = Field(None, alias="KEY_VAULT_URI")
    secret_key: str | None = Field(None, alias="ROWPOST_SECRET_KEY", repr=False)
    storage: str | None = Field(None, alias="AzureWebJobsStorage", repr=False)
    storage_account: str | None = Field(None, alias="AzureWebJobsStorage__accountName")
    lease_seconds: int = Field(60, alias="ROWPOST_LEASE_SECONDS", ge=1, le=3600)
    smtp_timeout: int = Field(300, alias="ROWPOST_SMTP_TIMEOUT", ge=1, le=600)
    max_retries: int = Field(3, alias="ROWPOST_MAX_RETRIES", ge=0, le=100)
    retry_seconds: float = Field(60.0, alias="ROWPOST_RETRY_SECONDS", gt=0, le=86400)
    connections: int = Field(8, alias="ROWPOST_CONNECTIONS", ge=1, le=64)
    most_attached_mb: int = Field(25, alias="ROWPOST_MOST_ATTACHED_MB", ge=1, le=100)
    keep_days: float | None = Field(None, alias="ROWPOST_KEEP_DAYS", gt=0, le=36_500)
    keep_record_days: float | None = Field(None, alias="ROWPOST_KEEP_RECORD_DAYS", gt=0, le=36_500)
    resend_unknown: Literal["on", "off"] = Field("off", alias="ROWPOST_RESEND_UNKNOWN")
    request_limits: Literal["on", "off"] = Field("on", alias="ROWPOST_REQUEST_LIMITS")
    anonymous_requests: int = Field(6_000, alias="ROWPOST_ANONYMOUS_REQUESTS", ge=1)
    user_requests: int = Field(60_000, alias="ROWPOST_USER_REQUESTS", ge=1)
    contact_email: str | None = Field(None, alias="CONTACT_EMAIL")
    contact_account: str | None = Field(None, alias="CONTACT_ACCOUNT")
    contact_file_mb: int = Field(10, alias="ROWPOST_CONTACT_FILE_MB", ge=1, le=25)
    insights: str | None = Field(None, alias="APPLICATIONINSIGHTS_CONNECTION_STRING", repr=False)
    worker_telemetry: str | None = Field(None, alias="PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY")
    metrics: Literal["token", "open", "off"] = Field("token", alias="ROWPOST_METRICS")
    log_addresses: Literal["on", "off"] = Field("off", alias="ROWPOST_LOG_ADDRESSES")
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

    @property
    def in_azure(self) -> bool:
        """Whether the process runs on Azure's own machines (App Service sets this name)."""
        return bool(os.environ.get("WEBSITE_INSTANCE_ID"))


def read_local_settings(folder: Path) -> None:
    """Take the values of `local.settings.json`, if it is there, as `func start` does.

    A variable that the environment already has wins.
    """
    file = folder / "local.settings.json"
    if not file.exists():
        return
    for name, value in json.loads(file.read_text("utf-8")).get("Values", {}).items():
        os.environ.setdefault(name, str(value))


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
