"""A mail server for one machine that sends nothing on: it keeps every email it gets as a file."""

from __future__ import annotations

import itertools
import json
import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from standalone.port import listen

MAX_MESSAGE_BYTES = 50 * 1024 * 1024
LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class MailFolder:
    """Keeps emails in `folder`: the exact bytes in `.eml`, the envelope beside them in `.json`."""

    folder: Path
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def keep(self, sender: str, recipients: list[str], message: bytes) -> Path:
        """Store one email and return its file.

        The `.eml` appears whole or not at all, after its envelope. A killed process loses nothing
        that was kept; a power cut may.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        # The process id keeps the names of two catchers of one folder apart.
        file = self.folder / f"{stamp}-{os.getpid()}-{next(self._numbers)}.eml"
        envelope = {"mail_from": sender, "rcpt_to": recipients}
        _write(file.with_suffix(".json"), json.dumps(envelope, ensure_ascii=False).encode())
        _write(file, message)
        return file


class Catcher:
    """The mail server on `port` of the loopback address, in a thread of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        """Raises PortTaken. Port 0 takes any free one."""
        self._listening = listen(LOOPBACK, port, variable="ROWPOST_CATCHER_PORT")
        self.port: int = self._listening.getsockname()[1]
        # The console shows an inbox where there is a folder, empty or not.
        folder.mkdir(parents=True, exist_ok=True)
        self._controller = _OnSocket(
            _Keeper(MailFolder(folder)),
            listening=self._listening,
            server_hostname="localhost",
            ident="Rowpost mail catcher",
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            ready_timeout=10,
        )

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()


class _Keeper:
    def __init__(self, folder: MailFolder) -> None:
        self._folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        file = self._folder.keep(
            envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content
        )
        return f"250 2.0.0 kept as {file.name}"


class _OnSocket(Controller):
    """Serves on a socket that is bound already, so that a taken port is noticed by its owner."""

    def __init__(self, handler: _Keeper, *, listening: socket.socket, **options: Any) -> None:
        host, port = listening.getsockname()[:2]
        super().__init__(handler, hostname=host, port=port, **options)
        self._listening = listening

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._listening)


def _write(file: Path, content: bytes) -> None:
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(file)
