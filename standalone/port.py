"""A port of this machine, taken before anything else starts."""

from __future__ import annotations

import errno
import socket
import sys

from shared.errors import RowpostError


class PortTaken(RowpostError):
    """Somebody else listens there, or this user may not."""


def listen(host: str, port: int, *, variable: str) -> socket.socket:
    """A listening socket. Raises PortTaken, which names the environment variable to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) only where a socket says that it is TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"is out of reach ({error})"
        off = ", or to off" if variable == "ROWPOST_CATCHER_PORT" else ""
        raise PortTaken(f"Port {port} {reason}: set {variable} to another one{off}.") from error
    return listening


def web_address(host: str, port: int) -> str:
    """Where a browser finds what listens there."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
