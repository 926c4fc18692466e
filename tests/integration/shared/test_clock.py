"""A service's business time: moved, kept, followed by all of its processes, and never in production."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from services.fraud.app import create_app
from services.gateway.store.clock_turn import turn_at_clock
from shared import bus
from shared.clock import MovableClock, SystemClock
from shared.db import Database
from shared.kept_clock import LOOK_SECONDS, Keeper, clock_as_kept, kept_clock
from tests.support.http import eventually, running
from tests.support.keys import SERVICES, service_headers

DAY = timedelta(days=1)
CLOCK = "/internal/v1/clock"


async def _no_news(_request: Request) -> JSONResponse:
    return JSONResponse({"events": []})


@asynccontextmanager
async def fraud(settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Fraud beside a billing that has no news."""
    async with (
        running(Starlette(routes=[Route("/internal/v1/events", _no_news)])) as billing_url,
        running(create_app(settings.model_copy(update={"billing_url": billing_url}))) as url,
        httpx.AsyncClient(base_url=url, headers=service_headers("fraud", "gateway")) as http,
    ):
        yield http


async def moved(http: httpx.AsyncClient, seconds: int) -> dict[str, Any]:
    answer = await http.post(f"{CLOCK}/advance", json={"ahead_seconds": seconds})
    assert answer.status_code == 200, answer.text
    state: dict[str, Any] = answer.json()
    return state


async def ahead_of(http: httpx.AsyncClient) -> int:
    state = (await http.get(CLOCK)).json()
    gap = datetime.fromisoformat(state["now"]) - datetime.now(UTC)
    assert abs(gap.total_seconds() - state["ahead_seconds"]) < 5
    return int(state["ahead_seconds"])


async def test_every_process_follows_before_the_answer_and_a_restart_keeps_it(
    settings_for: Callable[..., Any],
) -> None:
    settings = settings_for("fraud", run_workers=False)
    async with fraud(settings) as one, fraud(settings) as other:
        assert await ahead_of(one) == 0
        for seconds in (60, 3_600):
            assert (await moved(one, seconds))["ahead_seconds"] == seconds
            assert await ahead_of(other) == seconds
        assert (await moved(other, 30))["ahead_seconds"] == 3_600, "it never goes back"
    async with fraud(settings) as again:
        assert await ahead_of(again) == 3_600


async def test_without_redis_it_is_followed_all_the_same(fraud_db: Database) -> None:
    nowhere = bus.connect("redis://127.0.0.1:1/0")
    async with kept_clock("fraud", fraud_db, nowhere, environment="test") as clock:
        assert isinstance(clock, MovableClock)
        mover, began = Keeper("fraud", fraud_db, nowhere, MovableClock()), time.monotonic()
        await mover.move(90)
        assert LOOK_SECONDS < time.monotonic() - began < 2, "all have had the time to look"
        assert clock.ahead_seconds == mover.clock.ahead_seconds == 90
        assert abs(clock.real_now() - datetime.now(UTC)) < timedelta(seconds=5)
    await nowhere.aclose()


async def test_production_has_real_time_and_says_that_a_moved_clock_is_not_heeded(
    fraud_db: Database, redis: Redis, settings_for: Callable[..., Any]
) -> None:
    await Keeper("fraud", fraud_db, redis, MovableClock()).move(3_600)
    with capture_logs() as lines:
        async with kept_clock("fraud", fraud_db, redis, environment="production") as clock:
            assert isinstance(clock, SystemClock)
    assert [(line["event"], line["log_level"]) for line in lines] == [("test_clock_not_heeded", "error")]
    assert isinstance(await clock_as_kept(fraud_db, environment="production"), SystemClock)
    kept = await clock_as_kept(fraud_db, environment="local")
    assert isinstance(kept, MovableClock) and kept.ahead_seconds == 3_600
    async with fraud(settings_for("fraud", environment="production", run_workers=False)) as http:
        assert (await http.get(CLOCK)).status_code == 404
        assert (await http.post(f"{CLOCK}/advance", json={"ahead_seconds": 9_999})).status_code == 404


@pytest.mark.parametrize("service", SERVICES)
async def test_no_door_of_a_production_service_moves_its_clock(service: str, settings_for: Callable[..., Any]) -> None:
    production = {"environment": "production"}
    if service == "billing":
        production |= {"stripe_secret_key": "sk_live_of_these_tests", "stripe_api_base": ""}
    paths = [CLOCK, "/api/v1/admin/test-clock"] if service == "gateway" else [CLOCK]
    for path in paths:
        assert await of_wrong_method(service, path, settings_for(service)) == 405
        assert await of_wrong_method(service, path, settings_for(service, **production)) == 404


async def of_wrong_method(service: str, path: str, settings: Any) -> int:
    """What is answered where only the path is looked at: 405 where there is one."""
    app = import_module(f"services.{service}.app").create_app(settings)
    headers = {**service_headers(service, "gateway"), "host": "127.0.0.1:8082"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8082") as http:
        return (await http.request("PATCH", path, headers=headers)).status_code


async def test_doors_are_for_siblings_alone(settings_for: Callable[..., Any]) -> None:
    async with fraud(settings_for("fraud", run_workers=False)) as http:
        for path in (CLOCK, f"{CLOCK}/advance", f"{CLOCK}/work"):
            method = "GET" if path == CLOCK else "POST"
            assert (await http.request(method, path, headers={"authorization": ""})).status_code == 401
        assert (await http.post(f"{CLOCK}/advance", json={"ahead_seconds": -1})).status_code == 422


async def test_due_work_is_done_and_told_of(settings_for: Callable[..., Any], fraud_db: Database) -> None:
    due = datetime.now(UTC) + 10 * DAY
    pool = await fraud_db.asyncpg_pool()
    await pool.execute(
        "INSERT INTO blacklist (id, kind, match, plain_value, reason, source, expires_at, created_at, created_by)"
        " VALUES (gen_random_uuid(), 'account', 'acct_1', 'acct_1', 'chargebacks', 'operator', $1, now(), 'acct_2')",
        due,
    )
    async with fraud(settings_for("fraud", run_workers=False)) as http:
        state = (await http.get(CLOCK)).json()
        assert datetime.fromisoformat(state["next_due"]) == due
        assert (await moved(http, 10 * 86_400 + 60))["next_due"] is None
        worked = (await http.post(f"{CLOCK}/work")).json()
        assert (worked["failed"], worked["unsettled"]) == ([], 0)
        assert await pool.fetchval("SELECT removed_at FROM blacklist") == due


async def test_events_have_their_numbers_once_a_round_of_work_ends(
    settings_for: Callable[..., Any], fraud_db: Database
) -> None:
    pool = await fraud_db.asyncpg_pool()
    await pool.execute(
        "INSERT INTO outbox (id, kind, subject, data, created_at)"
        " VALUES (gen_random_uuid(), 'blacklist.entry_added', 'bl_1', '{}', now())"
    )
    async with fraud(settings_for("fraud", run_workers=False)) as http:
        before = (await http.get(CLOCK)).json()
        assert (before["unsettled"], before["head"]) == (1, 0)
        after = (await http.post(f"{CLOCK}/work")).json()
        assert (after["unsettled"], after["head"]) == (0, 1)


async def test_one_advance_at_a_time(gateway_db: Database) -> None:
    async with turn_at_clock(gateway_db) as mine, turn_at_clock(gateway_db) as theirs:
        assert (mine, theirs) == (True, False)

    async def free() -> bool:
        async with turn_at_clock(gateway_db) as mine:
            return mine

    await eventually(free)
