"""Logs: one JSON object a line, with what request or run it belongs to, and nobody's secrets.

    {"time": "...Z", "level": "info", "logger": "rowpost.delivery", "message": "...",
     "requestId": "...", "email": 17, "account": "MAIN"}

Addresses of people are masked and credentials taken out of everything that is written: message,
fields and tracebacks, whoever put them there. JSON in ASCII keeps each event on one line.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")

FIELDS = ("email", "account", "method", "route", "status", "durationMs")
"""What an event may tell besides its message: `log.info("...", extra={"email": 17})`."""

_LONGEST_MESSAGE = 4_000
_LONGEST_FIELD = 500
_LONGEST_TRACEBACK = 16_000
_LIBRARIES = ("azure", "mail", "opentelemetry", "uvicorn", "alembic")
_OURS = ("rowpost", "shared", "functions", "standalone")
_HOST_HANDLER = "AsyncLoggingHandler"
_TELEMETRY_HANDLER = "LoggingHandler"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_belongs_to: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("belongs_to", default=())


@contextmanager
def request(request_id: str) -> Iterator[None]:
    """What is logged inside belongs to this request."""
    with _belonging(("requestId", request_id)):
        yield


@contextmanager
def run(kind: str) -> Iterator[None]:
    """What is logged inside belongs to one run of this kind: a tick, a drain."""
    with _belonging(("run", f"{kind}-{uuid.uuid4().hex[:12]}")):
        yield


def ids() -> dict[str, str]:
    """What belongs to the same request or run says so by these: `requestId`, `run`."""
    return dict(_belongs_to.get())


def in_this_context(work: Callable[[], T]) -> Callable[[], T]:
    """The same work for another thread: what it logs belongs to what this thread is doing."""
    context = copy_context()
    return lambda: context.run(work)


class _CleanLines(logging.Formatter):
    """`addresses`: whether addresses of people are written in full."""

    def __init__(self, form: str = "%(message)s", *, addresses: bool = False) -> None:
        super().__init__(form)
        self._addresses = addresses

    def _clean(self, text: str, longest: int, *, keep_end: bool = False) -> str:
        if len(text) <= longest and _HARMLESS.fullmatch(text):
            return text
        # Cut first, with some to spare: what is left out need not be looked through.
        text = without_secrets(_cut(text, 2 * longest, keep_end=keep_end))
        return _cut(text if self._addresses else masked(text), longest, keep_end=keep_end)


class JsonLines(_CleanLines):
    """One event, one line."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._clean(_message(record), _LONGEST_MESSAGE),
            **ids(),
        }
        for name in FIELDS:
            if (value := record.__dict__.get(name)) is not None:
                line[name] = value if isinstance(value, int | float) else self._field(value)
        if record.exc_info and record.exc_info[0]:
            trace = self.formatException(record.exc_info)
            line["exception"] = self._clean(trace, _LONGEST_TRACEBACK, keep_end=True)
        return json.dumps(line)

    def as_event(self, record: logging.LogRecord) -> logging.LogRecord:
        """The same event, with what its line would say of it."""
        line = json.loads(self.format(record))
        kept = {name: line[name] for name in (*ids(), *FIELDS) if name in line}
        if record.exc_info and (kind := record.exc_info[0]):
            kept |= {"exception.type": kind.__name__, "exception.message": line["message"]}
            kept |= {"exception.stacktrace": line["exception"]}
        own = ("name", "levelno", "levelname", "created", "pathname", "lineno", "funcName")
        said = {name: record.__dict__[name] for name in own}
        return logging.makeLogRecord({**said, "msg": line["message"], **kept})

    def _field(self, value: object) -> str:
        return self._clean(str(value), _LONGEST_FIELD)


class PlainLines(_CleanLines):
    """For eyes on a terminal; nothing that would move its cursor or change its colours."""

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub(" ", self._clean(super().format(record), _LONGEST_TRACEBACK))


class HostLines(_CleanLines):
    """For the Functions host: our own events as JSON, those of others as they come, but clean."""

    def __init__(self, *, addresses: bool = False) -> None:
        super().__init__(addresses=addresses)
        self._ours = JsonLines(addresses=addresses)

    def format(self, record: logging.LogRecord) -> str:
        if record.name.startswith(_OURS):
            return self._ours.format(record)
        return self._clean(super().format(record), _LONGEST_TRACEBACK)


class CleanEvents(logging.Handler):
    """Hands clean events on to a handler that writes no lines, but sends them as they are.

    What it gets has our message, our fields and the ids, and no addresses in full.
    """

    def __init__(self, sends: logging.Handler) -> None:
        super().__init__(sends.level)
        self._sends = sends
        self._lines = JsonLines()

    def emit(self, record: logging.LogRecord) -> None:
        self._sends.handle(self._lines.as_event(record))

    def flush(self) -> None:
        self._sends.flush()


def masked(text: str) -> str:
    """The text with every email address as `a***@example.com`."""
    return _ADDRESS.sub(_mask, text)


def _mask(found: re.Match[str]) -> str:
    if found["quoted"]:
        return f"{found['quoted']}***{found['at']}"
    name = found["name"].lstrip(_QUOTES)
    quotes = found["name"][: len(found["name"]) - len(name)]
    return f"{quotes}{name[:1]}***{found['at']}"


def without_secrets(text: str) -> str:
    """The text without passwords, keys and tokens, in the forms that are known."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def write_to(*handlers: logging.Handler) -> None:
    """Let this process's log go there: our own from INFO on, that of libraries from WARNING on."""
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    _quieten_libraries()


def speak_through_the_functions_host(*, addresses: Callable[[], bool]) -> None:
    """Give the handlers that the Functions worker has put on the root logger our form.

    One leads to the host, one, where telemetry is on, to Application Insights. The host would send
    our events there a second time: then it gets none. Elsewhere nothing is done.
    """
    root = logging.getLogger()
    to_host, to_insights = (
        [one for one in root.handlers if type(one).__name__ == name]
        for name in (_HOST_HANDLER, _TELEMETRY_HANDLER)
    )
    for handler in to_host:
        handler.setFormatter(HostLines(addresses=addresses()))
        if to_insights:
            handler.addFilter(_is_not_ours)
    for handler in to_insights:
        root.removeHandler(handler)
        root.addHandler(CleanEvents(handler))
    if to_host or to_insights:
        _quieten_libraries()


def _is_not_ours(record: logging.LogRecord) -> bool:
    return not record.name.startswith(_OURS)


def _quieten_libraries() -> None:
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)


@contextmanager
def _belonging(what: tuple[str, str]) -> Iterator[None]:
    token = _belongs_to.set((*_belongs_to.get(), what))
    try:
        yield
    finally:
        _belongs_to.reset(token)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args}"


def _cut(text: str, longest: int, *, keep_end: bool) -> str:
    """A traceback's end says what went wrong, another text's beginning what it is about."""
    if len(text) <= longest:
        return text
    return f"[...] {text[-longest:]}" if keep_end else f"{text[:longest]} [...]"


# A run of characters is looked at once, from its beginning: the time grows with the text's length.
_PART = r"\w.!#$%&'*+=?^`{|}~\-"
_QUOTES = "'`{|*="
_ADDRESS = re.compile(
    rf"""
    (?: "(?P<quoted>[^"\\\r\n])[^"\r\n]{{0,200}}"
      | (?<![{_PART}])(?P<name>[{_PART}]+?)
    )
    (?P<at>@|%40)(?=[\w\[])
    """,
    re.VERBOSE,
)
# A word or a path: nothing in it can be an address, nor a secret that we know.
_HARMLESS = re.compile(r"[\w/{}*-]*")
_NAMES = "password|passwd|pwd|secret|token|accountkey|sharedaccesskey"
_SECRETS = (
    # user:password@host of a URL
    (re.compile(r"(?<=://)[^\s/@]{0,300}:[^\s/@]{0,300}@"), "[hidden]@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"\beyJ[\w-]*\.[\w-]+\.[\w-]*"), "***"),
    (re.compile(r"([?&](?:sig|key|code)=)[^\s&#\"']+", re.IGNORECASE), r"\1***"),
    # PWD={...} of ODBC, AccountKey=... of Azure Storage, "password": "..." of JSON
    (
        re.compile(
            rf"""(?<!\w)(\w{{0,40}}?(?:{_NAMES})["']?\s*[=:]\s*)"""
            r"""(?:\{[^}]*\}|"[^"]*"|'[^']*'|[^\s;&,"']+)""",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    # SQL Server shows a value that did not fit, or was there already.
    (re.compile(r"(Truncated value: ')[^']*|(duplicate key value is \()[^)]*"), r"\1\2***"),
)
