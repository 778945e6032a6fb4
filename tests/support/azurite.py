"""Azurite, Microsoft's local Azure Storage, as a process of the test run."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from tests.support.tools import AZURITE, installed, program

ACCOUNT = "devstoreaccount1"
# The key that every Azurite has, published in its documentation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START_SECONDS = 60
LISTENING = re.compile(r"Azurite (Blob|Queue|Table) service is successfully listening at (\S+)")


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of a storage account that lives, in memory, as long as the test run.

    Tests share it: each names its own queues and containers.
    """
    with running_azurite() as addresses:
        yield _connection_string(addresses)


@contextmanager
def running_azurite(*options: str, accounts: str | None = None) -> Iterator[dict[str, str]]:
    """Azurite with further command-line options; the addresses of `Blob`, `Queue` and `Table`.

    `accounts`: others than the usual one, as `name:key`.
    """
    command = [program("node"), str(installed(AZURITE)), "--inMemoryPersistence", "--silent"]
    command += ["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"]
    # The storage SDKs are often newer than the newest API version that Azurite knows.
    command += ["--skipApiVersionCheck", "--disableTelemetry", *options]
    environment = {**os.environ, **({"AZURITE_ACCOUNTS": accounts} if accounts else {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        too_long = threading.Timer(START_SECONDS, process.kill)
        too_long.start()
        try:
            assert process.stdout is not None
            addresses = _addresses(process.stdout)
            too_long.cancel()
            yield addresses
        finally:
            too_long.cancel()
            process.kill()


def _addresses(output: IO[str]) -> dict[str, str]:
    addresses: dict[str, str] = {}
    for line in output:
        if found := LISTENING.match(line):
            addresses[found[1]] = found[2]
        if len(addresses) == 3:
            return addresses
    pytest.fail("Azurite ended before it listened")


def _connection_string(addresses: dict[str, str]) -> str:
    endpoints = (f"{name}Endpoint={address}/{ACCOUNT}" for name, address in addresses.items())
    return ";".join(
        ["DefaultEndpointsProtocol=http", f"AccountName={ACCOUNT}", f"AccountKey={KEY}", *endpoints]
    )
