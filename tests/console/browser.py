"""A browser that notes all that a page complains of, asks for and would have blocked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.console.reader import Reader
from tests.support.standalone import PASSWORD, USERNAME, Standalone
from tests.support.tools import ROOT, program

PATIENCE = 20_000
WIDE, NARROW = (1280, 900), (360, 740)
_AXE = ROOT / "node_modules/axe-core/axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_BARRIERS = """options => axe.run(document, options).then(found => found.violations.map(
    one => `${one.id}: ${one.nodes.map(node => node.html).join(" | ")}`))"""


@dataclass
class Sight:
    """A page in its browser, with what was heard of it."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console; a violation of the policy is one."""
    requests: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def log_in(self, username: str = USERNAME, password: str = PASSWORD) -> None:
        """Log in at the page that asks for it, which is open already or is opened."""
        if "/console/login" not in self.page.url:
            self.open("/console/login")
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("button", name="Log out").wait_for()

    def go_on_as(self, reader: Reader) -> None:
        """Take the session of somebody who has logged in already: a login costs a while."""
        self.page.context.add_cookies(
            [
                {"name": name, "value": value, "url": self.base}
                for name, value in reader.cookies.items()
            ]
        )

    @property
    def elsewhere(self) -> list[str]:
        """What the page asked of anybody but us."""
        return [url for url in self.requests if not url.startswith((f"{self.base}/", "data:"))]

    def barriers(self) -> list[str]:
        """What axe-core finds: the rule, and where."""
        # Not a script of the page: its policy would not let it in.
        self.page.evaluate(_AXE.read_text("utf-8"))
        found = self.page.evaluate(_BARRIERS, {"runOnly": _RULES, "resultTypes": ["violations"]})
        return [str(one) for one in found]

    def is_too_wide(self) -> bool:
        """Whether the page has to be scrolled sideways."""
        return bool(
            self.page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"))
        yield browser
        browser.close()


@contextmanager
def sight_of(
    browser: Browser,
    service: Standalone,
    *,
    script: bool = True,
    dark: bool = False,
    size: tuple[int, int] = WIDE,
    zone: str = "UTC",
) -> Iterator[Sight]:
    """A fresh visitor: no cookies, with or without JavaScript."""
    context = browser.new_context(
        java_script_enabled=script,
        color_scheme="dark" if dark else "light",
        viewport={"width": size[0], "height": size[1]},
        timezone_id=zone,
        locale="en-GB",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    sight = Sight(page, service.base)

    def asked(request: Request) -> None:
        sight.requests.append(request.url)

    page.on(
        "console",
        lambda said: (
            sight.complaints.append(said.text) if said.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: sight.complaints.append(str(error)))
    page.on("request", asked)
    yield sight
    context.close()
