"""One service and one browser for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.console.browser import Sight, running_browser, sight_of
from tests.support.standalone import Launch, Standalone


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """It ends with the module: its loop would be in the way of whoever makes one."""
    with running_browser() as browser:
        yield browser


@pytest.fixture
def sight(browser: Browser, service: Standalone) -> Iterator[Sight]:
    """A visitor who has just come, with JavaScript."""
    with sight_of(browser, service) as sight:
        yield sight


@pytest.fixture
def plain_sight(browser: Browser, service: Standalone) -> Iterator[Sight]:
    """The same without JavaScript."""
    with sight_of(browser, service, script=False) as sight:
        yield sight
