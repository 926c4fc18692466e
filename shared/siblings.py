"""The metrics of all processes that share a port, from whichever of them is asked.

Each listens at a socket in a folder that its parent made for them, readable by their user alone; who is asked by
Prometheus asks the others, and gives each sample the label `process`. One that does not answer in time is left out.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from shared.telemetry import metrics_text

ASK_SECONDS = 1.0
_FAMILY = b"# HELP "


class Siblings:
    """One a process; `number` is its own."""

    def __init__(self, folder: Path, number: int, count: int) -> None:
        self._folder = folder
        self._number = number
        self._count = count
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """From here on the others may ask, as long as the event loop runs."""
        path = self._path(self._number)
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(_tell, path)

    async def metrics(self) -> bytes:
        """Everybody's, in Prometheus's text format."""
        texts = await asyncio.gather(*(self._ask(number) for number in range(self._count)))
        return merged({number: text for number, text in enumerate(texts) if text})

    async def _ask(self, number: int) -> bytes:
        if number == self._number:
            return metrics_text()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(ASK_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._path(number))
                with contextlib.closing(writer):
                    return await reader.read()
        return b""

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.sock"


async def _tell(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer), contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ASK_SECONDS):
            writer.write(metrics_text())
            await writer.drain()


def merged(texts: Mapping[int, bytes]) -> bytes:
    """One text of many: each family once, each sample with the number of the process that it is of."""
    families: dict[bytes, list[bytes]] = {}
    for number, text in texts.items():
        for family in text.split(_FAMILY)[1:]:
            lines = family.splitlines()
            about = [line for line in lines[1:] if line.startswith(b"#")]
            kept = families.setdefault(lines[0].partition(b" ")[0], [_FAMILY + lines[0], *about])
            kept += _labelled((line for line in lines[1:] if line and not line.startswith(b"#")), number)
    return b"".join(line + b"\n" for lines in families.values() for line in lines)


def _labelled(samples: Iterable[bytes], number: int) -> Iterable[bytes]:
    for sample in samples:
        name, brace, rest = sample.partition(b"{")
        if brace:
            yield b'%b{process="%d",%b' % (name, number, rest)
        else:
            name, _, value = sample.partition(b" ")
            yield b'%b{process="%d"} %b' % (name, number, value)
