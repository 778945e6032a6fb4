"""A mailbox that is read by Microsoft Graph.

https://learn.microsoft.com/graph/api/resources/mail-api-overview
Ids are immutable ones, so that a message keeps its own when it is moved.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from shared.bounces.mailboxes.inbox import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    Found,
    MailboxFault,
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
_A_PAGE = 50
_LATE = timedelta(minutes=10)
"""So much later than its time a message may come into sight."""
_LONGEST_ID = 400
# What is said of one message that can't be given, and not of the mailbox.
_OF_THE_MESSAGE = frozenset({400, 409, 410, 413, 422})
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

    def new(self, after: Position, is_known: Callable[[str], bool], most: int) -> Iterator[Found]:
        since = datetime.fromtimestamp(after.last, UTC) - _LATE if after.last else None
        given = 0
        for message in self._listed(since):
            place, at = _place_and_time(message)
            if is_known(place):
                continue
            answer = self._ask("GET", f"/messages/{quote(place)}/$value", most_octets=MOST_OCTETS)
            if answer.status == 404:
                continue
            if answer.status not in _OF_THE_MESSAGE:
                _require(answer, 200)
            content = answer.body if answer.status == 200 else None
            yield Found(place, Position(0, max(after.last, at)), content)
            given += 1
            if given >= most:
                return

    def _listed(self, since: datetime | None) -> Iterator[Mapping[str, Any]]:
        """The messages since then, the oldest first."""
        path = (
            f"/mailFolders/{quote(self._folder)}/messages?$select=id,receivedDateTime"
            f"&$orderby=receivedDateTime&$top={_A_PAGE}"
        )
        if since is not None:
            path += quote(f"&$filter=receivedDateTime ge {since:%Y-%m-%dT%H:%M:%SZ}", safe="&$=:")
        for _ in range(_MOST_PAGES):
            page = self._json("GET", path)
            listed = page.get("value")
            yield from listed if isinstance(listed, list) else ()
            # Only its path: the token goes nowhere else.
            further = urlsplit(str(page.get("@odata.nextLink") or ""))
            if not further.path.startswith(self._root):
                return
            path = further.path.removeprefix(self._root) + f"?{further.query}"

    def file(self, places: Sequence[str], folder: str | None) -> None:
        target = None if folder is None else self._made(folder)
        for place in places:
            if target is None:
                answer = self._ask("DELETE", f"/messages/{quote(place)}")
            else:
                content = {"destinationId": target}
                answer = self._ask("POST", f"/messages/{quote(place)}/move", content)
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
