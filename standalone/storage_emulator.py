"""Azurite, the storage emulator of one's own machine, which `func start` needs.

`local.settings.sample.json` names it, as the Functions host wants. Where nobody listens for it,
what it would be for is done by this process and the data folder.
"""

from __future__ import annotations

import socket
from collections.abc import MutableMapping

_SETTING = "AzureWebJobsStorage"
_EMULATOR = "UseDevelopmentStorage=true"
_QUEUES = ("127.0.0.1", 10001)
_SECONDS = 1.0
WITHOUT_EMULATOR = (
    f"{_SETTING} is {_EMULATOR}, but Azurite does not run here: files lie in the data folder, and "
    "this process wakes itself."
)


def forget_absent_emulator(environment: MutableMapping[str, str]) -> bool:
    """Take the setting away where it names the emulator and nobody listens; whether it was."""
    if environment.get(_SETTING, "").strip().rstrip(";") != _EMULATOR:
        return False
    try:
        socket.create_connection(_QUEUES, _SECONDS).close()
    except OSError:
        del environment[_SETTING]
        return True
    return False
