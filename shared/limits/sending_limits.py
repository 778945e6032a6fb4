"""What an account may send in a minute, an hour and a day: fixed windows in UTC. Pure.

Minutes are numbered from 1970 on, so that every window is a range of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

_SHARE = 25


class Window(StrEnum):
    """A span of time that a limit is for."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def minutes(self) -> int:
        return _MINUTES[self]

    def begin(self, minute: int) -> int:
        """The first minute of the window that this minute is in."""
        return minute - minute % self.minutes

    def end(self, minute: int) -> int:
        """The first minute after the window that this minute is in."""
        return self.begin(minute) + self.minutes


_MINUTES = {Window.MINUTE: 1, Window.HOUR: 60, Window.DAY: 24 * 60}
_LETTERS = {Window.MINUTE: "M", Window.HOUR: "H", Window.DAY: "D"}


def windows_of(letters: str | None) -> frozenset[Window]:
    """The windows that a column names by their letters."""
    return frozenset(window for window in Window if _LETTERS[window] in (letters or "").upper())


def letters_of(windows: frozenset[Window]) -> str | None:
    """The letters of these windows, for a column."""
    return "".join(_LETTERS[window] for window in Window if window in windows) or None


class Units(NamedTuple):
    """A number for each window: what an email takes of a limit, or what is used of it."""

    minute: int = 0
    hour: int = 0
    day: int = 0

    def of(self, window: Window) -> int:
        number: int = getattr(self, window.value)
        return number

    def plus(self, other: Units) -> Units:
        return Units(self.minute + other.minute, self.hour + other.hour, self.day + other.day)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one account; None: none. They count emails, or recipients where it says so."""

    account_id: int
    minute: int | None = None
    hour: int | None = None
    day: int | None = None
    counting_recipients: frozenset[Window] = frozenset()

    def __bool__(self) -> bool:
        return any(True for _ in self._set())

    def of(self, window: Window) -> int | None:
        limit: int | None = getattr(self, window.value)
        return limit

    def units(self, recipients: int) -> Units:
        """What an email to so many recipients takes."""
        return Units(
            *(recipients if window in self.counting_recipients else 1 for window in Window)
        )

    def allow(self, units: Units, used: Units) -> bool:
        """Whether so much more may be sent."""
        return all(used.of(window) + units.of(window) <= limit for window, limit in self._set())

    def emails_left(self, used: Units) -> int:
        """How many emails, of one recipient each, may still be sent."""
        return max(0, min((limit - used.of(window) for window, limit in self._set()), default=0))

    def usage(self, used: Units) -> float:
        """How much of the fullest window is used: 0 is nothing, 1 all that may be sent."""
        shares = (used.of(window) / limit if limit else 1.0 for window, limit in self._set())
        return max(shares, default=0.0)

    def opens_at(self, used: Units, minute: int) -> datetime | None:
        """When the next email may be sent; None: now."""
        ends = [window.end(minute) for window, limit in self._set() if used.of(window) >= limit]
        return _time_of(max(ends)) if ends else None

    def next_window(self, minute: int) -> datetime:
        """When the first of the limited windows around this minute is over."""
        return _time_of(min(window.end(minute) for window, _ in self._set()))

    def same_windows(self, minute: int, other: int) -> bool:
        """Whether both minutes count for the same of the limited windows."""
        return all(window.begin(minute) == window.begin(other) for window, _ in self._set())

    def too_small_for(self, units: Units) -> str | None:
        """Why an email of so many units can never be sent, if so."""
        for window, limit in self._set():
            if units.of(window) > limit:
                return (
                    f"it has {units.of(window)} recipients, and its account may send to {limit} in "
                    f"one {window.value}"
                )
        return None

    @property
    def share(self) -> int:
        """How many emails one sender may hold reserved and unsent: 4 % of the smallest limit.

        So much is lost to the others until its rescue when it is killed.
        """
        return max(1, min((limit for _, limit in self._set()), default=0) // _SHARE)

    def _set(self) -> Iterator[tuple[Window, int]]:
        for window in Window:
            limit = self.of(window)
            if limit is not None:
                yield window, limit


def minute_of(time: datetime) -> int:
    """The number of the minute that this instant is in."""
    return int(time.timestamp() // 60)


def _time_of(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
