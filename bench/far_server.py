"""A proxy before a mail server that lets each of its replies wait, in a process of its own.

python -m bench.far_server PORT MILLISECONDS

It listens on a free port, and prints that. What the client sends goes on at once, so that a reply
comes one round trip after what it replies to; so does the greeting after the connection.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

AT_ONCE = 65_536


@contextmanager
def far_server(port: int, milliseconds: float) -> Iterator[int]:
    """The port of such a proxy; the server's own without a delay."""
    if not milliseconds:
        yield port
        return
    command = [sys.executable, "-m", "bench.far_server", str(port), str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout is not None
            yield int(proxy.stdout.readline())
        finally:
            proxy.terminate()


async def _serve(port: int, seconds: float) -> None:
    async def carry(client: StreamReader, to_client: StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", port)
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        await asyncio.gather(
            _forward(client, to_server),
            _note(server, late, seconds),
            _deliver(late, to_client),
        )

    async with await asyncio.start_server(carry, "127.0.0.1", 0, backlog=256) as listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        await listening.serve_forever()


async def _forward(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(AT_ONCE):
            writer.write(part)
            await writer.drain()
    writer.close()


async def _note(
    reader: StreamReader, late: asyncio.Queue[tuple[float, bytes]], seconds: float
) -> None:
    """Each part is due a while after it came; an empty one is the end."""
    part = b"the greeting comes first"
    while part:
        try:
            part = await reader.read(AT_ONCE)
        except ConnectionError:
            part = b""
        late.put_nowait((asyncio.get_running_loop().time() + seconds, part))


async def _deliver(late: asyncio.Queue[tuple[float, bytes]], writer: StreamWriter) -> None:
    while True:
        due, part = await late.get()
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        if not part:
            break
        writer.write(part)
    writer.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
