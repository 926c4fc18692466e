"""That no change is skipped, however late it commits, and that nothing is trusted that was not heard of in time."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import text

from services.gateway.domain.api_key import make_key, presented
from shared import changes
from shared.change_feed import ChangeFeed
from shared.db import Database
from shared.record_cache import RecordCache
from tests.integration.gateway_identity.conftest import Billing, World
from tests.support.http import eventually


def heard_by(feed: ChangeFeed, *kinds: str) -> list[str | None]:
    heard: list[str | None] = []
    for kind in kinds:
        feed.subscribe(kind, heard.append)
    return heard


async def write(database: Database, ref: str) -> None:
    async with database.transaction() as connection:
        await changes.note(connection, "key", ref)


async def test_change_that_commits_late_is_not_skipped(gateway_db: Database) -> None:
    feed = ChangeFeed(partial(changes.poll, gateway_db))
    heard = heard_by(feed, "key")
    await feed.poll()
    heard.clear()
    async with gateway_db.transaction() as late:
        await changes.note(late, "key", "late")
        for number in range(3):
            await write(gateway_db, f"early{number}")
            await feed.poll()
        assert "late" not in heard and "early2" in heard
    await write(gateway_db, "after")
    await feed.poll()
    assert "late" in heard and "after" in heard
    heard.clear()
    await feed.poll()
    await feed.poll()
    assert heard == []


async def test_change_of_an_open_transaction_of_another_kind_holds_nothing_up(gateway_db: Database) -> None:
    feed = ChangeFeed(partial(changes.poll, gateway_db))
    keys, routes = heard_by(feed, "key"), heard_by(feed, "route")
    await feed.poll()
    assert (keys, routes) == ([None], [None])
    async with gateway_db.transaction() as open_one:
        await changes.note(open_one, "route", "demo")
        await write(gateway_db, "k")
        await feed.poll()
    assert (keys, routes) == ([None, "k"], [None])


async def test_rolled_back_change_is_never_heard(gateway_db: Database) -> None:
    feed = ChangeFeed(partial(changes.poll, gateway_db))
    await feed.poll()
    heard = heard_by(feed, "key")
    async with gateway_db.engine.connect() as connection:
        await changes.note(connection, "key", "undone")
        await connection.rollback()
    await feed.poll()
    assert heard == []


async def test_flood_of_changes_makes_the_caches_forget_everything(gateway_db: Database) -> None:
    feed = ChangeFeed(partial(changes.poll, gateway_db))
    await feed.poll()
    heard = heard_by(feed, "key")
    async with gateway_db.transaction() as connection:
        await connection.execute(
            text("INSERT INTO changes (kind, ref) SELECT 'key', n::text FROM generate_series(1, :most + 1) AS n"),
            {"most": changes.MOST_PER_POLL},
        )
    await feed.poll()
    assert heard[0] is None


async def test_old_changes_are_forgotten(gateway_db: Database) -> None:
    await write(gateway_db, "new")
    async with gateway_db.transaction() as connection:
        await connection.execute(
            text("INSERT INTO changes (kind, ref, created_at) VALUES ('key', 'old', now() - interval '2 hours')")
        )
    assert await changes.forget_old(gateway_db) is False
    async with gateway_db.transaction() as connection:
        assert (await connection.execute(text("SELECT ref FROM changes"))).scalars().all() == ["new"]


async def test_late_revocation_reaches_a_warm_cache(make_world: Callable[..., Any]) -> None:
    """The revoking transaction stays open while others commit and many polls pass; then it commits."""
    world: World = await make_world(Billing(default=5_000_000))
    customer = await world.register()
    revoked, other = await customer.make_key(), await customer.make_key()
    find = world.gateway.keys.find
    await eventually(lambda: world.gateway.feed.is_current)
    assert await find(presented(revoked["key"])) is not None
    async with world.gateway.database.transaction() as late:
        await late.execute(text("UPDATE api_keys SET revoked_at = now() WHERE id = :id"), {"id": revoked["id"]})
        await changes.note(late, "key", revoked["id"])
        for name in ("a", "b", "c"):
            await customer.http.patch(f"/api/v1/auth/api-keys/{other['id']}", json={"name": name})
            await world.gateway.feed.poll()
        assert await find(presented(revoked["key"])) is not None

    async def is_refused() -> bool:
        return await find(presented(revoked["key"])) is None

    await eventually(is_refused, within_seconds=1.0)


async def test_without_a_poll_for_900_ms_postgresql_is_asked(make_world: Callable[..., Any]) -> None:
    """The feed is cut off; revocation is seen all the same, because nothing remembered is believed."""
    world: World = await make_world(Billing(default=5_000_000))
    customer = await world.register()
    made = await customer.make_key()
    feed = world.gateway.feed
    await eventually(lambda: feed.is_current)
    assert await world.gateway.keys.find(presented(made["key"])) is not None

    async def fails(_since: str | None) -> changes.Poll:
        raise ConnectionError

    feed._ask = fails
    async with world.gateway.database.transaction() as connection:
        await connection.execute(text("UPDATE api_keys SET revoked_at = now()"))
    await eventually(lambda: not feed.is_current, within_seconds=1.0)
    assert await world.gateway.keys.find(presented(made["key"])) is None


async def test_feed_heals_after_its_connection_was_killed(world: World) -> None:
    await eventually(lambda: world.gateway.feed.is_current)
    async with world.gateway.database.transaction() as connection:
        killed = await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gateway-changes'")
        )
        assert killed.all()
    before = world.gateway.feed._heard_at
    await eventually(lambda: world.gateway.feed._heard_at > before + 0.5, within_seconds=5.0)


async def test_record_read_before_a_change_is_not_remembered_after_it(gateway_db: Database) -> None:
    """A look-up that is under way while its record changes must not put the old one back."""
    feed = ChangeFeed(partial(changes.poll, gateway_db))
    reading, go_on = asyncio.Event(), asyncio.Event()
    current = "old"

    async def load(digests: Sequence[bytes]) -> dict[bytes, str]:
        read = current
        reading.set()
        await go_on.wait()
        return dict.fromkeys(digests, read)

    cache = RecordCache[str](feed, load=load, refs={"key": lambda _record: "k"}, most=10)
    await feed.poll()
    asked = asyncio.create_task(cache.find(b"digest"))
    await reading.wait()
    current = "new"
    await write(gateway_db, "k")
    await feed.poll()
    go_on.set()
    assert await asked == "old"
    assert await cache.find(b"digest") == "new"


async def test_first_use_of_a_key_asks_postgresql_once(world: World) -> None:
    await eventually(lambda: world.gateway.feed.is_current)
    unknown = make_key(b"\x07" * 32).text
    loads = 0
    look_ups = world.gateway.keys._records._look_ups
    load = look_ups._load

    async def counted(digests: Sequence[bytes]) -> Any:
        nonlocal loads
        loads += 1
        return await load(digests)

    look_ups._load = counted
    for _ in range(5):
        assert await world.gateway.keys.find(presented(unknown)) is None
    assert loads == 1
