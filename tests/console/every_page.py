"""Every page of the console, for the tests that look at all of them and for the screenshots.

A new page is one line more.
"""

from __future__ import annotations

from typing import NamedTuple


class Shown(NamedTuple):
    """A page: the name of its pictures, and where it is."""

    name: str
    path: str


EVERY_PAGE = (
    Shown("overview", "/console"),
    Shown("nothing-here", "/console/nothing/here"),
)
