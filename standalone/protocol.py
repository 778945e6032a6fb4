"""HTTP/1.1 as uvicorn speaks it, less patient: with headers that do not end, and silent clients."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.api.errors import ApiError

_LONGEST_HEADERS = 32 * 1024
_MALFORMED = ApiError(400, "malformed_request", "This is not HTTP/1.1 as we understand it.")
_HEADERS_TOO_LARGE = ApiError(
    431, "headers_too_large", f"The headers are too large: send at most {_LONGEST_HEADERS:,} bytes."
)


def patient_protocol(header_seconds: float) -> type[H11Protocol]:
    """uvicorn's protocol; a request's headers have to be there in so many seconds."""

    class PatientProtocol(H11Protocol):
        _giving_up: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._expect_headers()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._expect_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_expecting()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                self.transport.write(self._refusal())
            self.transport.close()

        def _refusal(self) -> bytes:
            too_large = len(self.conn.trailing_data[0]) > _LONGEST_HEADERS
            answer = (_HEADERS_TOO_LARGE if too_large else _MALFORMED).to_response()
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
                self._giving_up = self.loop.call_later(header_seconds, self.transport.close)

        def _stop_expecting(self) -> None:
            if self._giving_up is not None:
                self._giving_up.cancel()
                self._giving_up = None

    return PatientProtocol
