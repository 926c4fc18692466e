"""A gateway that dies at each named place of a paid call in turn: what was answered is in the ledger exactly once, what
was not is charged at most once and says `unknown`, a repeat with its key is forwarded and not charged again, and no
hold outlives its expiry."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from services.gateway.use_cases.admin_routes import PriceParts
from services.gateway.use_cases.paid_call.crash_points import POINTS
from shared.db import Database
from tests.integration.gateway_proxy.conftest import CREDIT, Customer, Platform, code_of
from tests.integration.gateway_proxy.doomed import died_there, doomed_gateway, environment
from tests.support.databases import TestDatabase
from tests.support.http import eventually

FULL = 5_000 * CREDIT
KEY = {"idempotency-key": "order-1"}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
STREAMED = {**CHAT, "stream": True}


@dataclass(frozen=True)
class Story:
    """A call and the places it can die at. `costs` is its price once answered, `left` what a death without a repeat
    may leave charged in the end."""

    path: str
    body: dict[str, Any]
    points: tuple[str, ...]
    unkeyed_points: tuple[str, ...]
    costs: int
    left: Callable[[str], int]


STORIES = {
    "known price": Story(
        "/proxy/echo/x", CHAT,
        ("after_take", "after_charge", "after_forward", "before_answered", "after_answered"),
        ("after_charge", "after_forward"),
        CREDIT, lambda _: CREDIT,
    ),
    "known price, upstream fails": Story(
        "/proxy/echo/status/500", CHAT,
        ("before_reversal", "after_giving_up", "after_reversal"),
        ("before_reversal", "after_reversal"),
        0, lambda point: CREDIT if point == "before_reversal" else 0,
    ),
    "metered": Story(
        "/proxy/demo/chat/completions", CHAT,
        ("after_take", "after_hold", "after_forward", "before_capture", "after_intent", "after_capture",
         "before_answered", "after_answered"),
        ("after_hold", "after_forward", "before_capture", "after_capture"),
        10, lambda point: 10 if point == "after_capture" else 0,
    ),
    "metered, upstream fails": Story(
        "/proxy/demo/status/404", CHAT,
        ("before_release", "after_giving_up", "after_release"),
        ("before_release", "after_release"),
        0, lambda _: 0,
    ),
    "a stream under way": Story(
        "/proxy/demo/slow/chat/completions", STREAMED,
        ("after_progress",), ("after_progress",),
        100, lambda _: 100,
    ),
}  # fmt: skip

IN_SHORT = "metered, in short"
STORIES[IN_SHORT] = replace(
    STORIES["metered"],
    points=("after_hold", "after_forward", "after_intent", "after_capture"),
    unkeyed_points=("after_forward", "after_capture"),
)
"""Those where money is half moved, or an answer is there that nobody has been charged for."""

EACH_STORY = pytest.mark.parametrize(
    "name", [IN_SHORT, *(pytest.param(name, marks=pytest.mark.long) for name in STORIES if name != IN_SHORT)]
)
"""Each place of each story is a process that starts and dies: all of them take minutes."""


@pytest.fixture
async def priced(platform: Platform) -> Platform:
    await platform.route("echo", price=PriceParts(per_call=CREDIT), timeout_ms=3_000)
    await platform.route("demo", price=PriceParts(per_1000_tokens=CREDIT), timeout_ms=3_000)
    return platform


@pytest.fixture
def settings(database: TestDatabase, redis_url: str, priced: Platform) -> dict[str, str]:
    return environment(database, redis_url, priced.billing_url)


async def died(
    customer: Customer, story: Story, point: str, settings: dict[str, str], *, headers: dict[str, str]
) -> None:
    """The call goes to a gateway that dies at `point`: nothing complete comes back."""
    async with doomed_gateway(point, settings) as (url, process), await _caller(customer, url) as http:
        with pytest.raises(httpx.TransportError):
            await http.post(story.path, json=story.body, headers=headers)
        assert await died_there(process), point


async def _caller(customer: Customer, url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {customer.key}"}, timeout=20)


async def records(billing_db: Database, customer: Customer) -> list[Any]:
    pool = await billing_db.asyncpg_pool()
    return list(await pool.fetch("SELECT * FROM usage_records WHERE account_id = $1", customer.account_id))


def assert_charged_at_most_once_and_unknown(found: list[Any], story: Story, point: str) -> None:
    charged = [row for row in found if row["credits"] and row["route"] != "spent"]
    assert len(charged) <= 1, point
    assert all(row["outcome"] == "unknown" for row in charged), point


def test_every_place_has_its_story() -> None:
    told = {point for story in STORIES.values() for point in story.points + story.unkeyed_points}
    assert told == set(POINTS)


@pytest.mark.timeout(180)
@EACH_STORY
async def test_a_repeat_of_a_call_whose_gateway_died_is_charged_once(
    priced: Platform, settings: dict[str, str], gateway_db: Database, billing_db: Database, name: str
) -> None:
    story = STORIES[name]

    async def tell(point: str) -> None:
        customer = await priced.customer()
        await died(customer, story, point, settings, headers=KEY)
        assert_charged_at_most_once_and_unknown(await records(billing_db, customer), story, point)
        priced.upstream.go_on.set()
        again = await repeated(gateway_db, customer, story)
        if point == "after_answered":
            assert code_of(again) == "already_charged", point
        else:
            expected = 200 if story.costs else int(story.path.rpartition("/")[2])
            assert again.status_code == expected, (point, again.text)
            assert again.headers.get("x-credits-charged", str(story.costs / CREDIT)) in (
                f"{story.costs / CREDIT:g}", str(story.costs / CREDIT),
            ), point  # fmt: skip
        await priced.settled(customer.account_id, FULL - story.costs)
        assert len([row for row in await records(billing_db, customer) if row["credits"]]) == bool(story.costs), point
        if story.costs:
            last = await customer.http.post(story.path, json=story.body, headers=KEY)
            assert code_of(last) == "already_charged", point

    await at_once(tell, story.points)


@pytest.mark.timeout(180)
@EACH_STORY
async def test_a_call_whose_gateway_died_is_charged_at_most_once_and_holds_nothing(
    priced: Platform, settings: dict[str, str], billing_db: Database, name: str
) -> None:
    story = STORIES[name]

    async def tell(point: str) -> None:
        customer = await priced.customer()
        await died(customer, story, point, {**settings, "HOLD_MARGIN_MS": "500"}, headers={})
        await priced.settled(customer.account_id, FULL - story.left(point))
        assert_charged_at_most_once_and_unknown(await records(billing_db, customer), story, point)

    await at_once(tell, story.unkeyed_points)


async def repeated(gateway_db: Database, customer: Customer, story: Story) -> httpx.Response:
    """By a gateway that lives, once the dead one's lease has lapsed: five seconds, which are skipped here."""
    pool = await gateway_db.asyncpg_pool()
    await pool.execute("UPDATE paid_repeats SET lease_until = '-infinity' WHERE account_id = $1", customer.account_id)
    return await customer.http.post(story.path, json=story.body, headers=KEY)


async def at_once(tell: Callable[[str], Any], points: tuple[str, ...]) -> None:
    """A few processes at a time."""
    room = asyncio.Semaphore(4)

    async def one(point: str) -> None:
        async with room:
            await tell(point)

    async with asyncio.TaskGroup() as group:
        for point in points:
            group.create_task(one(point), name=point)


@pytest.mark.long
async def test_a_dead_gateways_lease_lapses_by_itself(
    priced: Platform, settings: dict[str, str], gateway_db: Database
) -> None:
    story, customer = STORIES["known price"], await priced.customer()
    await died(customer, story, "after_forward", settings, headers=KEY)
    first = await customer.http.post(story.path, json=story.body, headers=KEY)
    assert code_of(first) == "idempotency_in_progress"

    async def is_answered() -> bool:
        await asyncio.sleep(0.2)  # the key is limited, and who goes on past a limit is banned
        return (await customer.http.post(story.path, json=story.body, headers=KEY)).status_code == 200

    await eventually(is_answered, within_seconds=8)
    await priced.settled(customer.account_id, FULL - CREDIT)
