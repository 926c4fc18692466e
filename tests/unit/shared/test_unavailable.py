import asyncio

import asyncpg
import pytest

from shared.db import is_unavailable


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + (len(content) + 4).to_bytes(4, "big") + content


_WELCOME = b"".join((
    _message(b"R", bytes(4)),
    _message(b"S", b"server_version\x0016.1\0"),
    _message(b"K", bytes(8)),
    _message(b"Z", b"I"),
))  # fmt: skip
_LEAVE = _message(b"E", b"SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0")


async def test_a_server_that_took_leave_of_an_idle_connection_is_away() -> None:
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big") - 4)
        writer.write(_WELCOME + _LEAVE)
        await over.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = await asyncpg.connect(f"postgresql://somebody@127.0.0.1:{port}/any", ssl=False)
        await asyncio.sleep(0.05)
        with pytest.raises(Exception) as raised:
            await connection.fetch("SELECT 1")
        connection.terminate()
        over.set()
    assert is_unavailable(raised.value)
