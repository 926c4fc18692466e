"""So many calls a second that are to be refused, at a fixed rate, whatever the answers take.

    python -m benchmarks.flood --url http://127.0.0.1:8082/proxy/x/chat --rate 1000 --seconds 4

Each call bears another key that nobody has (of the right shape, so that it has to be looked up), or the one key in
the environment's `FLOOD_KEY`. Where the answers don't come as fast as calls are due, calls are left out and counted.
It says `ready` when it begins, and at the end `{"asked", "left_out", "statuses"}` as JSON. Pace: a hundredth of a
second's calls at a time.
"""

import argparse
import asyncio
import json
import os
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

from benchmarks.load import request_bytes
from benchmarks.paid_calls import BODY
from services.gateway.domain.api_key import make_key

CONNECTIONS = 64
TICK_SECONDS = 0.01
READY = "ready"


@dataclass
class Flood:
    url: str
    key: str | None
    idle: list["_Flooding"] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    asked: int = 0
    left_out: int = 0

    def request(self) -> bytes:
        key = self.key or make_key(secrets.token_bytes(32)).text
        return request_bytes(self.url, BODY, {"X-API-Key": key})


class _Flooding(asyncio.Protocol):
    """One connection; it is among the idle ones while it waits for no answer."""

    def __init__(self, flood: Flood) -> None:
        self._flood = flood

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._flood.idle.append(self)

    def ask(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(self._flood.request())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._flood.statuses[self._parser.get_status_code()] += 1
        if not self._transport.is_closing():
            self._flood.idle.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._flood.idle:
            self._flood.idle.remove(self)


async def _run(flood: Flood, *, rate: float, seconds: float) -> None:
    at = urlsplit(flood.url)
    assert at.hostname is not None and at.port is not None
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Flooding(flood), at.hostname, at.port)
    print(READY, flush=True)
    began_at, due = loop.time(), 0
    while (now := loop.time() - began_at) < seconds:
        while due < now * rate:
            due += 1
            if flood.idle:
                flood.idle.pop(0).ask()
                flood.asked += 1
            else:
                flood.left_out += 1
        await asyncio.sleep(TICK_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood")
    parser.add_argument("--url", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    flood = Flood(given.url, os.environ.get("FLOOD_KEY"))
    uvloop.run(_run(flood, rate=given.rate, seconds=given.seconds))
    print(json.dumps({"asked": flood.asked, "left_out": flood.left_out, "statuses": flood.statuses}))


if __name__ == "__main__":
    main()
