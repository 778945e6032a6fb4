"""A mailbox that is read by Microsoft Graph.

https://learn.microsoft.com/graph/api/resources/mail-api-overview
Ids are immutable ones, so that a message keeps its own when it is moved.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import quote, urlsplit

from shared.bounces.mailboxes.inbox import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    Found,
    MailboxFault,
    Refused,
    number_in,
)
from shared.bounces.mailboxes.mailbox import MailboxSettings, Position
from shared.bounces.reading.parts import MOST_OCTETS
from shared.smtp.oauth import TokenSource
from shared.smtp.opening import Server
from shared.transports.base import AccountFault, ConnectionLost, OutcomeUnknown
from shared.transports.rest import Answer, RestService

_IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}
_MOST_PAGES = 100
_A_PAGE = 200
_LATE_SECONDS = 600
"""So much later than its time a message may come into sight."""
_PAGES_OF_LATE_ONES = 25
"""Among so many they are looked for; what is new must be reached, however many came before it."""
_LONGEST_ID = 400
# What may be said of one message that can't be given or moved, and not of the mailbox.
_OF_THE_MESSAGE = frozenset({400, 409, 410, 413, 422, 500})
_WELL_KNOWN = {"inbox": "inbox", "deleted items": "deleteditems", "junk email": "junkemail"}


def open_graph(settings: MailboxSettings, tokens: TokenSource, seconds: float) -> GraphInbox:
    """Get a token and find the folder. Raises MailboxFault."""
    server = Server(
        settings.host,
        settings.port,
        settings.tls,
        connect_timeout=CONNECT_SECONDS,
        reply_timeout=ANSWER_SECONDS,
        tokens=tokens,
    )
    inbox = GraphInbox(RestService(server, tokens), settings.username, seconds)
    try:
        inbox.open(settings.folder)
    except BaseException:
        inbox.close()
        raise
    return inbox


class GraphInbox:
    """See `Inbox`. A place is a message's immutable id."""

    def __init__(self, service: RestService, mailbox: str, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._service = service
        self._root = f"/v1.0/users/{quote(mailbox, safe='@.')}"
        self._loop = asyncio.Runner()
        self._folder = ""
        self._messages = 0
        self._ids: dict[str, str] = {}

    def open(self, folder: str) -> None:
        """Log in and find the folder. Raises MailboxFault."""
        try:
            self._loop.run(self._service.log_in())
        except AccountFault as error:
            raise MailboxFault(str(error)) from error
        found = self._folder_named(folder)
        if found is None:
            raise MailboxFault(f"there is no folder {folder!r} in the mailbox")
        self._folder = found
        about = self._json("GET", f"/mailFolders/{quote(found)}?$select=totalItemCount")
        self._messages = number_in(about.get("totalItemCount"))

    def count(self) -> int:
        return self._messages

    def new(
        self, after: Position, known: Callable[[Sequence[str]], Collection[str]], most: int
    ) -> Iterator[Found]:
        # All are listed before one is read: what is moved meanwhile shifts the pages behind it.
        listed, now = list(islice(self._unknown(after.last, known), most)), int(time.time())
        for place, at in listed:
            reached = max(after.last, min(at, now))  # Of the future, others come before it.
            if (found := self._found(place, reached)) is not None:
                yield found

    def _unknown(
        self, last: int, known: Callable[[Sequence[str]], Collection[str]]
    ) -> Iterator[tuple[str, int]]:
        for page in self._pages(last):
            there = known([place for place, _ in page])
            yield from (each for each in page if each[0] not in there)

    def again(self, found: Found) -> Found | None:
        return self._found(found.place, found.position.last)

    def _found(self, place: str, reached: int) -> Found | None:
        """None: it is gone meanwhile."""
        answer = self._ask("GET", f"/messages/{quote(place)}/$value", most_octets=MOST_OCTETS)
        position = Position(0, reached)
        if answer.status == 404:
            return None
        if answer.status in _OF_THE_MESSAGE:
            return Found(place, position, None, f"Microsoft Graph answered: {answer.text}")
        _require(answer, 200)
        return Found(place, position, answer.body)

    def _pages(self, last: int) -> Iterator[list[tuple[str, int]]]:
        """The ids and times of messages beyond that time, the oldest first; before them of some
        that may have come into sight late."""
        path: str | None = self._listing(last - _LATE_SECONDS)
        for number in range(1, _MOST_PAGES + 1):
            if path is None:
                return
            page, path = self._page(path)
            yield page
            if number == _PAGES_OF_LATE_ONES and page and page[-1][1] < last:
                path = self._listing(last)

    def _listing(self, since: int) -> str:
        path = (
            f"/mailFolders/{quote(self._folder)}/messages?$select=id,receivedDateTime"
            f"&$orderby=receivedDateTime&$top={_A_PAGE}"
        )
        if since <= 0:
            return path
        first = f"{datetime.fromtimestamp(since, UTC):%Y-%m-%dT%H:%M:%SZ}"
        return path + quote(f"&$filter=receivedDateTime ge {first}", safe="&$=:")

    def _page(self, path: str) -> tuple[list[tuple[str, int]], str | None]:
        """What is listed there, and where the list goes on."""
        page = self._json("GET", path)
        listed = page.get("value")
        messages = [_place_and_time(each) for each in listed] if isinstance(listed, list) else []
        # Only its path: the token goes nowhere else.
        further = urlsplit(str(page.get("@odata.nextLink") or ""))
        if not further.path.startswith(self._root):
            return messages, None
        return messages, further.path.removeprefix(self._root) + f"?{further.query}"

    def file(self, places: Sequence[str], folder: str | None) -> None:
        target = None if folder is None else self._made(folder)
        for place in places:
            if target is None:
                answer = self._ask("DELETE", f"/messages/{quote(place)}")
            else:
                content = {"destinationId": target}
                answer = self._ask("POST", f"/messages/{quote(place)}/move", content)
            if answer.status in _OF_THE_MESSAGE:
                raise Refused(f"Microsoft Graph answered: {answer.text}")
            if answer.status != 404:
                _require(answer, 201, 204, 200)

    def close(self) -> None:
        self._loop.close()

    def _made(self, folder: str) -> str:
        found = self._folder_named(folder)
        if found is None:
            found = str(self._json("POST", "/mailFolders", {"displayName": folder}).get("id"))
            self._ids[folder] = found
        return found

    def _folder_named(self, name: str) -> str | None:
        """The id of a folder at the mailbox's top."""
        known = _WELL_KNOWN.get(name.lower()) or self._ids.get(name)
        if known is not None:
            return known
        literal = name.replace("'", "''")
        wanted = quote(f"displayName eq '{literal}'")
        listed = self._json("GET", f"/mailFolders?$filter={wanted}&$select=id").get("value")
        if not isinstance(listed, list) or not listed or not isinstance(listed[0], dict):
            return None
        self._ids[name] = str(listed[0].get("id"))
        return self._ids[name]

    def _json(self, method: str, path: str, content: object = None) -> dict[str, Any]:
        answer = self._ask(method, path, content)
        _require(answer, 200, 201)
        return answer.json()

    def _ask(
        self, method: str, path: str, content: object = None, most_octets: int = MOST_OCTETS
    ) -> Answer:
        if time.monotonic() > self._ends:
            raise MailboxFault("it takes too long: the rest waits")
        body = b"" if content is None else json.dumps(content).encode()
        headers = dict(_IMMUTABLE)
        if content is not None:
            headers["Content-Type"] = "application/json"
        asking = self._service.ask(method, self._root + path, headers, body, most_octets)
        try:
            answer = self._loop.run(asking)
        except (ConnectionLost, OutcomeUnknown) as error:
            raise MailboxFault(str(error)) from error
        if not answer.is_whole and len(answer.body) < most_octets:
            raise MailboxFault("Microsoft Graph broke off within its answer")
        return answer


def _require(answer: Answer, *statuses: int) -> None:
    """Raise MailboxFault for any other status."""
    if answer.status not in statuses:
        raise MailboxFault(f"Microsoft Graph answered: {answer.text}", answer.retry_after)


def _place_and_time(message: Mapping[str, Any]) -> tuple[str, int]:
    """A message's id, and when it came, in seconds since 1970. Raises MailboxFault."""
    try:
        place = str(message["id"])
        at = int(datetime.fromisoformat(str(message["receivedDateTime"])).timestamp())
    except (KeyError, TypeError, ValueError):
        raise MailboxFault("Microsoft Graph lists a message without an id or a time") from None
    if not 0 < len(place) <= _LONGEST_ID or at < 0:
        raise MailboxFault("Microsoft Graph lists a message with an id or a time that is none")
    return place, at
