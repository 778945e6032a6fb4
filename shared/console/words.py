"""How pages write numbers, times and spans. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_SIZES = ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB"))


def number(value: int | float) -> str:
    """1,234,567."""
    return f"{value:,.0f}"


def counted(value: int, one: str, several: str | None = None) -> str:
    """`1 email`, `1,234 emails`."""
    return f"{number(value)} {one if value == 1 else several or one + 's'}"


def up_to(value: int, bound: int) -> str:
    """A count that stops at a bound: `10,000+` there."""
    return f"{number(value)}+" if value >= bound else number(value)


def span(seconds: float) -> str:
    """`3 hours 5 minutes`: the two largest units, seconds alone below a minute."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for size, name in _UNITS:
        if left >= size or (size == 1 and not parts):
            amount, left = divmod(left, size)
            parts.append(counted(amount, name))
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def size(octets: int) -> str:
    """`1.4 MB`."""
    for unit, name in _SIZES:
        if octets >= unit:
            return f"{octets / unit:.1f} {name}"
    return counted(octets, "byte")


def utc(time: datetime, seconds: bool = False) -> str:
    """`2026-11-27 14:05 UTC`, for whoever has no script that says it in their own zone."""
    return time.astimezone(UTC).strftime(
        "%Y-%m-%d %H:%M:%S UTC" if seconds else "%Y-%m-%d %H:%M UTC"
    )


def machine_time(time: datetime) -> str:
    """The value of a `datetime` attribute."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def ago(time: datetime, now: datetime) -> str:
    """`3 minutes ago`, `in 2 hours`, `now`."""
    apart = now - time
    if abs(apart) < timedelta(seconds=1):
        return "now"
    words = span(abs(apart).total_seconds())
    return f"{words} ago" if apart > timedelta(0) else f"in {words}"
