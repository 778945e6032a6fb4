"""What standalone obeys of host.json, and of the `Host` part of local.settings.json."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from shared.errors import RowpostError

M = TypeVar("M", bound=BaseModel)


class InvalidHostFile(RowpostError):
    """host.json or local.settings.json cannot be understood."""


def _time_span(value: Any) -> Any:
    found = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2})", value) if isinstance(value, str) else None
    if found is None:
        return value
    hours, minutes, seconds = (int(part) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


TimeSpan = Annotated[timedelta, BeforeValidator(_time_span)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="ignore")


class HttpOptions(_Part):
    route_prefix: str = "api"


class QueueOptions(_Part):
    """https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#hostjson"""

    batch_size: int = Field(16, ge=1, le=32)
    max_dequeue_count: int = Field(5, ge=1)
    max_polling_interval: TimeSpan = timedelta(minutes=1)
    visibility_timeout: TimeSpan = timedelta(0)


class Extensions(_Part):
    http: HttpOptions = HttpOptions()
    queues: QueueOptions = QueueOptions()


class HostJson(_Part):
    """host.json, with the host's own defaults for what it leaves out."""

    extensions: Extensions = Extensions()

    @classmethod
    def read(cls, folder: Path) -> HostJson:
        return _read(cls, folder / "host.json", cls())


class Cors(_Part):
    """`Host.CORS` (origins, comma-separated; `*` is any) and `Host.CORSCredentials`."""

    cors: str = Field("", alias="CORS")
    credentials: bool = Field(False, alias="CORSCredentials")

    @property
    def origins(self) -> list[str]:
        return [origin.strip() for origin in self.cors.split(",") if origin.strip()]

    @classmethod
    def read(cls, folder: Path) -> Cors:
        return _read(_LocalSettings, folder / "local.settings.json", _LocalSettings()).host


class _LocalSettings(_Part):
    host: Cors = Field(Cors(), alias="Host")


def _read(model: type[M], file: Path, default: M) -> M:
    if not file.exists():
        return default
    try:
        return model.model_validate(json.loads(file.read_text("utf-8-sig")))
    except (ValueError, ValidationError) as error:
        raise InvalidHostFile(f"{file.name} cannot be read: {error}") from error
