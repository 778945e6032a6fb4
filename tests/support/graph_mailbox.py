"""A mailbox of Microsoft Graph on this machine: folders and messages, as its documents have them,
and the managed identity that lets us in."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "a-token-of-this-machine"
MAILBOX = "bounces@contoso.example"
_ROOT = f"/v1.0/users/{MAILBOX}"
_FIRST = 1_700_000_000


@dataclass
class GraphMailbox:
    """`refuses`: what is answered to every request, where that is not None: a status and headers.
    `page`: so many messages a page. `times`: when messages came, in seconds since 1970.
    `breaks_on`: the message whose content is a server's error. `keeps`: the one
    that can't be moved."""

    port: int
    folders: dict[str, list[str]] = field(default_factory=lambda: {"inbox": []})
    contents: dict[str, bytes] = field(default_factory=dict)
    refuses: tuple[int, dict[str, str]] | None = None
    page: int = 2
    asked: list[str] = field(default_factory=list)
    times: dict[str, int] = field(default_factory=dict)
    breaks_on: str | None = None
    keeps: str | None = None

    def put(self, *messages: bytes) -> None:
        """Let these messages arrive, a second after each other."""
        for message in messages:
            name = f"AAMk{len(self.contents)}_-="
            self.times[name] = _FIRST + len(self.contents)
            self.contents[name] = message
            self.folders["inbox"].append(name)

    def time_of(self, name: str) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.times[name]))


@contextmanager
def graph_mailbox() -> Iterator[GraphMailbox]:
    """The service on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            path, query = unquote(address.path), parse_qs(address.query)
            if path.startswith("/msi/token"):
                until = int(time.time()) + 86_400
                self._say(200, {"access_token": TOKEN, "expires_on": str(until)})
            elif not self._is_let_in():
                return
            elif path == f"{_ROOT}/mailFolders":
                (name,) = re.findall("displayName eq '(.*)'", query["$filter"][0])
                known = [{"id": name}] if name in mailbox.folders else []
                self._say(200, {"value": known})
            elif found := re.fullmatch(rf"{_ROOT}/mailFolders/([^/]+)/messages", path):
                self._list(found[1], query)
            elif found := re.fullmatch(rf"{_ROOT}/mailFolders/([^/]+)", path):
                self._say(200, {"totalItemCount": len(mailbox.folders[found[1]])})
            elif found := re.fullmatch(rf"{_ROOT}/messages/([^/]+)/\$value", path):
                self._content(found[1])
            else:
                self._say(404, {"error": {"code": "ErrorItemNotFound"}})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            path = unquote(self.path)
            if not self._is_let_in():
                return
            if path == f"{_ROOT}/mailFolders":
                mailbox.folders[body["displayName"]] = []
                self._say(201, {"id": body["displayName"]})
            elif found := re.fullmatch(rf"{_ROOT}/messages/([^/]+)/move", path):
                if found[1] == mailbox.keeps:
                    self._say(409, {"error": {"code": "ErrorMoveCopyFailed"}})
                    return
                self._take_out(found[1])
                mailbox.folders[body["destinationId"]].append(found[1])
                self._say(201, {"id": found[1]})

        def do_DELETE(self) -> None:
            if self._is_let_in():
                self._take_out(unquote(self.path).rpartition("/")[2])
                self._say(204, None)

        def _list(self, folder: str, query: dict[str, list[str]]) -> None:
            assert self.headers["Prefer"] == 'IdType="ImmutableId"'
            names = sorted(mailbox.folders[folder], key=mailbox.time_of)
            if "$filter" in query:
                since = query["$filter"][0].removeprefix("receivedDateTime ge ")
                names = [name for name in names if mailbox.time_of(name) >= since]
            skip = int(query.get("$skip", ["0"])[0])
            some = names[skip : skip + mailbox.page]
            answer: dict[str, Any] = {
                "value": [{"id": name, "receivedDateTime": mailbox.time_of(name)} for name in some]
            }
            if len(names) > skip + mailbox.page:
                rest = self.path.partition("&$skip")[0]
                further = f"https://elsewhere.example{rest}&$skip={skip + mailbox.page}"
                answer["@odata.nextLink"] = further
            self._say(200, answer)

        def _content(self, name: str) -> None:
            if name not in mailbox.contents:
                self._say(404, {"error": {"code": "ErrorItemNotFound"}})
                return
            if name == mailbox.breaks_on:
                self._say(500, {"error": {"code": "ErrorInternalServerError"}})
                return
            content = mailbox.contents[name]
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(content)

        def _take_out(self, name: str) -> None:
            for messages in mailbox.folders.values():
                if name in messages:
                    messages.remove(name)

        def _is_let_in(self) -> bool:
            mailbox.asked.append(self.path)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._say(401, {"error": {"code": "Unauthorized", "message": "who are you"}})
                return False
            if mailbox.refuses is not None:
                status, headers = mailbox.refuses
                self._say(status, {"error": {"code": "TooManyRequests"}}, headers)
                return False
            return True

        def _say(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        mailbox = GraphMailbox(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield mailbox
        server.shutdown()
        thread.join()
