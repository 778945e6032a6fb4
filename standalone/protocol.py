"""HTTP/1.1 as uvicorn speaks it, less patient: with headers that do not end, and silent clients."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.api.errors import ApiError
from standalone.connections import Connections

_LONGEST_HEADERS = 32 * 1024
_MALFORMED = ApiError(400, "malformed_request", "This is not HTTP/1.1 as we understand it.")
_TOO_SLOW = ApiError(408, "request_timeout", "The headers came too slowly: send the request again.")
_HEADERS_TOO_LARGE = ApiError(
    431, "headers_too_large", f"The headers are too large: send at most {_LONGEST_HEADERS:,} bytes."
)
_FULL = ApiError(
    503,
    "too_many_connections",
    "There are too many connections at once: try again in a moment.",
    headers={"Retry-After": "2"},
)


def patient_protocol(header_seconds: float, connections: Connections) -> type[H11Protocol]:
    """uvicorn's protocol; a request's headers have to be there in so many seconds."""

    class PatientProtocol(H11Protocol):
        _giving_up: asyncio.TimerHandle | None = None

        @property
        def address(self) -> str:
            return self.client[0] if self.client else ""

        @property
        def is_silent(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        @property
        def is_unfinished(self) -> bool:
            return self.conn.their_state is h11.SEND_BODY

        def give_up(self) -> None:
            self.transport.abort()

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if connections.admit(self):
                self._expect_headers()
            else:
                self._refuse(_FULL)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            super().data_received(data)
            self._expect_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            connections.leave(self)
            self._stop_expecting()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            too_large = len(self.conn.trailing_data[0]) > _LONGEST_HEADERS
            self._refuse(_HEADERS_TOO_LARGE if too_large else _MALFORMED)

        def _give_up_waiting(self) -> None:
            if self.conn.trailing_data[0]:
                self._refuse(_TOO_SLOW)
            else:
                self.transport.close()

        def _refuse(self, error: ApiError) -> None:
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                self.transport.write(self._refusal(error))
            self.transport.close()

        def _refusal(self, error: ApiError) -> bytes:
            answer = error.to_response()
            body = answer.get_body()
            headers = {
                **dict(answer.headers),
                "content-type": str(answer.mimetype),
                "content-length": str(len(body)),
                "connection": "close",
            }
            head = h11.Response(status_code=answer.status_code, headers=list(headers.items()))
            events = (head, h11.Data(data=body), h11.EndOfMessage())
            return b"".join(self.conn.send(event) or b"" for event in events)

        def _expect_headers(self) -> None:
            """The clock runs while a request is on its way to us, and no longer."""
            waiting = self.cycle is None or self.conn.their_state is h11.IDLE
            if not waiting:
                self._stop_expecting()
            elif self._giving_up is None:
                self._giving_up = self.loop.call_later(header_seconds, self._give_up_waiting)

        def _stop_expecting(self) -> None:
            if self._giving_up is not None:
                self._giving_up.cancel()
                self._giving_up = None

    return PatientProtocol
