"""Look-ups share queries, are bounded, and never join a query that began before them."""

import asyncio
from collections.abc import Sequence

import pytest

from shared import look_ups
from shared.errors import DomainError
from shared.look_ups import LookUps


class Table:
    """What PostgreSQL would say; it answers when `open` is set."""

    def __init__(self) -> None:
        self.queries: list[list[bytes]] = []
        self.open = asyncio.Event()
        self.failure: Exception | None = None

    async def load(self, digests: Sequence[bytes]) -> dict[bytes, str]:
        self.queries.append(list(digests))
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return {digest: digest.decode() for digest in digests if digest.startswith(b"a")}


async def asked(found: LookUps[str], *digests: bytes) -> list[asyncio.Task[str | None]]:
    tasks = [asyncio.create_task(found.find(digest)) for digest in digests]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_what_waits_while_a_query_is_under_way_is_the_next_query() -> None:
    table = Table()
    found = LookUps[str](table.load)
    tasks = await asked(found, b"a0")
    tasks += await asked(found, b"a0", b"a1", b"b1", b"a1")
    table.open.set()
    assert await asyncio.gather(*tasks) == ["a0", "a0", "a1", None, "a1"]
    assert table.queries == [[b"a0"], [b"a0", b"a1", b"b1"]]


async def test_a_flood_is_refused_past_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ups, "_MOST_WAITING", 2)
    table = Table()
    found = LookUps[str](table.load)
    tasks = await asked(found, b"a0")
    tasks += await asked(found, b"b1", b"b2")
    with pytest.raises(DomainError, match="overloaded") as refused:
        await found.find(b"b3")
    assert refused.value.headers == {"Retry-After": "1"}
    table.open.set()
    assert await asyncio.gather(*tasks) == ["a0", None, None]


async def test_a_failure_is_everybodys_who_asked_and_nobody_elses() -> None:
    table = Table()
    found = LookUps[str](table.load)
    tasks = await asked(found, b"a0")
    table.failure = ConnectionError("away")
    table.open.set()
    with pytest.raises(ConnectionError):
        await tasks[0]
    table.failure = None
    assert await found.find(b"a0") == "a0"


async def test_one_who_leaves_takes_nobodys_answer() -> None:
    table = Table()
    found = LookUps[str](table.load)
    first, second = await asked(found, b"a0", b"a0")
    first.cancel()
    table.open.set()
    assert await second == "a0"
