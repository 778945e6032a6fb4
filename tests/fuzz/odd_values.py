"""Path and query values of any kind: each gets its meaning or a refusal of ours, never a 500."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from typing import Any

from tests.fuzz.campaign import LEFT_OUT
from tests.support.standalone import Standalone

_IN_PATHS = """
    %00 a%00b %0A a%0Ab %0D%0A %2F a%2Fb %2e%2e %25 %zz % %u0041 %D9%A1 %EF%BC%91 %E0%A4%A7 %C2%B2
    %ff %F0%9F%98%80 %ED%A0%80 -1 +1 %2B1 %201 0 00 1_0 1e3 1.0 0x1 99999999999 2147483648
    9223372036854775808 NaN Infinity -Infinity 1e400 -1e400 null true %22 ' %27%3B-- {id} %7Bid%7D @
    a%2Fb%40example.com %22a%2Fb%22%40example.com ann%40example.com%0A %E2%80%AE
"""
VALUES = (*_IN_PATHS.split(), "9" * 5000, "x" * 3000, "")
# It ends all sessions, or takes minutes.
_NOT_CALLED = (*LEFT_OUT, "forceProcess")


def misunderstood(service: Standalone) -> Iterator[str]:
    """A line for each value that was answered by 500, or by an error that is not in our form."""
    token = service.login()
    for method, path in _requests(service):
        status, body = _call(service, method, path, token)
        if status >= 500 or (status >= 400 and not body.startswith(b'{"success": false')):
            yield f"{method} {path[:200]}: {status} {body[:200]!r}"


def _requests(service: Standalone) -> Iterator[tuple[str, str]]:
    paths = service.get("/api/openapi.json").json["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            if operation["operationId"] not in _NOT_CALLED:
                yield from ((method.upper(), odd) for odd in _odd(path, operation))


def _odd(path: str, operation: dict[str, Any]) -> Iterator[str]:
    for value in VALUES:
        if "{" in path and value:
            yield value.join(re.split(r"\{[^}]*\}", path))
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                yield f"{re.sub('{[^}]*}', '1', path)}?{parameter['name']}={value}"


def _call(service: Standalone, method: str, path: str, token: str) -> tuple[int, bytes]:
    port = int(service.settings["ROWPOST_PORT"])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        connection.putheader("Authorization", f"Bearer {token}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "2" if method in ("POST", "PUT") else "0")
        connection.endheaders(b"{}" if method in ("POST", "PUT") else None)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
