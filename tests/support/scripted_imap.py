"""An IMAP server that says what a test has written, for what a real one would never say."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

Says = Callable[[socket.socket, str, str], None]
"""Answers one command: the connection, the command's tag, and the rest of its line."""

GREETING = b"* OK [CAPABILITY IMAP4rev1 UIDPLUS MOVE] ready\r\n"
SELECTED = b"* FLAGS ()\r\n* 1 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 2] .\r\n"


def saying(octets: bytes) -> Says:
    """These octets, and that the command is done."""

    def say(connection: socket.socket, tag: str, _: str) -> None:
        connection.sendall(octets + f"{tag} OK done\r\n".encode())

    return say


def refusing(words: Callable[[str], str]) -> Says:
    """NO, with words made of the command."""

    def say(connection: socket.socket, tag: str, command: str) -> None:
        connection.sendall(f"{tag} NO {words(command)}\r\n".encode())

    return say


def silent(connection: socket.socket, tag: str, command: str) -> None:
    """Nothing, for as long as the client waits."""


def dripping(connection: socket.socket, tag: str, command: str) -> None:
    """A line that never ends, one octet at a time."""
    while True:
        connection.sendall(b"*")
        time.sleep(0.02)


def endless(connection: socket.socket, tag: str, command: str) -> None:
    """One line more, again and again."""
    while True:
        connection.sendall(b"* OK nothing new\r\n" * 1_000)


USUAL: Mapping[str, Says] = {
    "CAPABILITY": saying(b"* CAPABILITY IMAP4rev1 UIDPLUS MOVE\r\n"),
    "SELECT": saying(SELECTED),
    "UID SEARCH": saying(b"* SEARCH 1\r\n"),
}


def having(message: bytes, uid: int = 1) -> Says:
    """One message, as what FETCH is answered."""
    given = b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n%b)\r\n"
    return saying(given % (uid, uid, len(message), message))


@contextmanager
def scripted_imap(
    answers: Mapping[str, Says], greeting: bytes = GREETING, said: list[str] | None = None
) -> Iterator[int]:
    """Listens on a port. `answers`: by the command's name, in place of the usual ones. `said`: gets
    what clients said, less the commands' tags."""
    known = {**USUAL, **answers}
    open_ones: list[socket.socket] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            open_ones.append(self.request)
            with suppress(OSError):
                self.request.sendall(greeting)
                for line in self.rfile:
                    tag, _, command = line.decode().strip().partition(" ")
                    if said is not None:
                        said.append(command)
                    words = command.upper().split()
                    names = (" ".join(words[:2]), words[0])
                    name = next((each for each in names if each in known), "")
                    known.get(name, saying(b""))(self.request, tag, command)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
        for connection in open_ones:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
