"""Paid calls that bear an Idempotency-Key: whatever is sent twice is charged once."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import httpx
import pytest

from services.gateway.use_cases.admin_routes import PriceParts
from shared.db import Database
from shared.ids import decode
from tests.integration.gateway_proxy.conftest import CREDIT, NOWHERE, Customer, MakePlatform, Platform, code_of
from tests.integration.gateway_proxy.upstream import answer_of
from tests.support.http import eventually

PER_CALL = PriceParts(per_call=CREDIT)
BY_TOKEN = PriceParts(per_1000_tokens=CREDIT)
FULL = 5_000 * CREDIT
KEY = {"idempotency-key": "order-1"}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


async def rows(database: Database) -> list[Any]:
    pool = await database.asyncpg_pool()
    return list(await pool.fetch("SELECT * FROM paid_repeats ORDER BY created_at"))


async def let_lapse(database: Database, state: str = "running") -> None:
    """As if whoever had the lease were gone for over five seconds."""
    pool = await database.asyncpg_pool()
    await pool.execute("UPDATE paid_repeats SET lease_until = '-infinity', state = $1", state)


def assert_already_charged(answer: httpx.Response, first_id: str) -> None:
    assert (answer.status_code, code_of(answer)) == (409, "already_charged")
    assert answer.json()["original_request_id"] == first_id
    assert answer.headers["x-should-retry"] == "false"


async def test_an_answered_call_is_not_forwarded_again(platform: Platform, gateway_db: Database) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    first = await customer.http.post("/proxy/echo/x", content=b"a", headers=KEY)
    assert (first.status_code, first.headers["x-credits-charged"]) == (200, "1")
    again = await customer.http.post("/proxy/echo/x", content=b"a", headers=KEY)
    assert_already_charged(again, first.headers["x-request-id"])
    assert len(platform.upstream.received) == 1
    await platform.settled(customer.account_id, FULL - CREDIT)
    (row,) = await rows(gateway_db)
    assert row["state"] == "answered"
    assert b"order-1" not in bytes(row["key_hash"])


async def test_a_call_without_the_header_is_its_own(platform: Platform, gateway_db: Database) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    for _ in range(2):
        assert (await customer.http.get("/proxy/echo/x")).status_code == 200
    assert await rows(gateway_db) == []


async def test_keys_of_two_accounts_are_two_keys(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    for customer in (await platform.customer(), await platform.customer()):
        assert (await customer.http.get("/proxy/echo/x", headers=KEY)).status_code == 200


@pytest.mark.parametrize("key", [b"", b"a b", b"x" * 256, b"\xe9"])
async def test_a_malformed_key_is_refused_before_all_else(platform: Platform, key: bytes) -> None:
    answer = await platform.anyone.get("/proxy/none/x", headers=[(b"idempotency-key", key)])
    assert (answer.status_code, code_of(answer)) == (400, "invalid_idempotency_key")


async def test_two_keys_are_one_too_many(platform: Platform) -> None:
    answer = await platform.anyone.get("/proxy/x/y", headers=[("idempotency-key", "a"), ("idempotency-key", "b")])
    assert code_of(answer) == "invalid_idempotency_key"


@pytest.mark.parametrize(
    ("method", "path", "body"), [("PUT", "x", b"a"), ("POST", "y", b"a"), ("POST", "x?z=1", b"a"), ("POST", "x", b"b")]
)
async def test_a_key_of_another_request_is_refused(platform: Platform, method: str, path: str, body: bytes) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    await customer.http.post("/proxy/echo/x", content=b"a", headers=KEY)
    other = await customer.http.request(method, f"/proxy/echo/{path}", content=body, headers=KEY)
    assert (other.status_code, code_of(other)) == (422, "idempotency_key_reused")


async def test_a_repeat_while_the_call_runs_is_told_so(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    call = asyncio.create_task(customer.http.get("/proxy/echo/held", headers=KEY))
    await eventually(lambda: platform.upstream.received)
    again = await customer.http.get("/proxy/echo/held", headers=KEY)
    assert (again.status_code, code_of(again)) == (409, "idempotency_in_progress")
    assert again.headers["retry-after"] == "1"
    platform.upstream.go_on.set()
    assert (await call).status_code == 200


async def test_fifty_at_once_are_forwarded_once(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    answers = await asyncio.gather(*(customer.http.get("/proxy/echo/x", headers=KEY) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49
    assert len(platform.upstream.received) == 1
    await platform.settled(customer.account_id, FULL - CREDIT)


async def test_a_lease_is_renewed_while_its_call_runs(platform: Platform, gateway_db: Database) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    call = asyncio.create_task(customer.http.get("/proxy/echo/held", headers=KEY))
    await eventually(lambda: platform.upstream.received)
    (before,) = await rows(gateway_db)

    async def is_renewed() -> bool:
        (now,) = await rows(gateway_db)
        return bool(now["lease_until"] > before["lease_until"])

    await eventually(is_renewed)
    platform.upstream.go_on.set()
    assert (await call).status_code == 200


@pytest.mark.parametrize("path", ["/drop", "/status/404", "/status/500"])
async def test_after_a_reversal_the_key_runs_anew(platform: Platform, gateway_db: Database, path: str) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    first = await customer.http.get(f"/proxy/echo{path}", headers=KEY)
    assert first.headers["x-credits-charged"] == "0"
    assert await rows(gateway_db) == []
    again = await customer.http.get(f"/proxy/echo{path}", headers=KEY)
    assert again.status_code == first.status_code
    assert len(platform.upstream.received) == 2
    await platform.settled(customer.account_id, FULL)


async def test_after_a_refusal_the_key_runs_anew(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer(credits=0)
    assert code_of(await customer.http.get("/proxy/echo/x", headers=KEY)) == "insufficient_credits"
    await platform.fund(customer.account_id, 1)
    assert (await customer.http.get("/proxy/echo/x", headers=KEY)).status_code == 200
    await platform.settled(customer.account_id, 0)


async def status_or_cut(call: Awaitable[httpx.Response]) -> int | str:
    """An answer that is whole can still be refused; one whose head has left can only be cut."""
    try:
        return (await call).status_code
    except httpx.RemoteProtocolError:
        return "cut"


async def usage_of(platform: Platform, customer: Customer, request_id: str) -> dict[str, Any]:
    told = await platform.anyone.get(
        f"/api/v1/usage/requests/{request_id}", headers={"authorization": f"Bearer {customer.session}"}
    )
    found: dict[str, Any] = told.json() if told.status_code == 200 else {}
    return found


async def test_an_answer_that_was_lost_is_forwarded_again_and_not_charged_again(
    platform: Platform, gateway_db: Database
) -> None:
    """Even at another price and with nothing left: the ledger's first verdict stands."""
    route = await platform.route("echo", price=PER_CALL)
    customer = await platform.customer(credits=1)
    first = await customer.http.get("/proxy/echo/x", headers=KEY)
    await let_lapse(gateway_db)
    await reprice(platform, route.route.id, PriceParts(per_call=7 * CREDIT))
    again = await customer.http.get("/proxy/echo/x", headers=KEY)
    assert (again.status_code, again.headers["x-credits-charged"], again.headers["x-credits-remaining"]) == (
        200, "1", "0",
    )  # fmt: skip
    assert again.headers["x-request-id"] != first.headers["x-request-id"] == again.headers["original-request"]
    assert "original-request" not in first.headers
    await platform.settled(customer.account_id, 0)
    third = await customer.http.get("/proxy/echo/x", headers=KEY)
    assert_already_charged(third, first.headers["x-request-id"])
    assert (await usage_of(platform, customer, first.headers["x-request-id"]))["credits"] == 1
    assert await usage_of(platform, customer, again.headers["x-request-id"]) == {}


async def reprice(platform: Platform, route_id: str, price: PriceParts) -> None:
    operator = await platform.operator()
    answer = await operator.patch(
        f"/api/v1/admin/routes/{route_id}",
        json={"price": {"per_call": price.per_call / CREDIT, "per_1000_tokens": price.per_1000_tokens / CREDIT}},
    )
    assert answer.status_code == 200, answer.text

    async def is_known() -> bool:
        found = await platform.gateway.paid._gate._routes.find(answer.json()["name"])
        return found is not None and found.price.version == answer.json()["price_version"]

    await eventually(is_known)


async def test_a_repeat_that_fails_gives_the_first_charge_back(platform: Platform, gateway_db: Database) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    platform.upstream.answers["/x"] = answer_of(b"ok")
    await customer.http.get("/proxy/echo/x", headers=KEY)
    await let_lapse(gateway_db)
    platform.upstream.answers["/x"] = answer_of(b"no", status="500 Broken")
    again = await customer.http.get("/proxy/echo/x", headers=KEY)
    assert (again.status_code, again.headers["x-credits-charged"]) == (500, "0")
    await platform.settled(customer.account_id, FULL)
    assert await rows(gateway_db) == []


async def test_what_was_being_given_back_is_given_back_before_the_key_runs_anew(
    platform: Platform, gateway_db: Database
) -> None:
    """Its process died between saying so and doing so."""
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    first = await customer.http.get("/proxy/echo/x", headers=KEY)
    await let_lapse(gateway_db, "undoing")
    again = await customer.http.get("/proxy/echo/x", headers=KEY)
    assert (again.status_code, again.headers["x-credits-remaining"]) == (200, "4999")
    await platform.settled(customer.account_id, FULL - CREDIT)
    assert (await usage_of(platform, customer, first.headers["x-request-id"]))["credits"] == 0
    assert (await usage_of(platform, customer, again.headers["x-request-id"]))["credits"] == 1


async def test_who_lost_its_lease_neither_ends_well_nor_gives_back(platform: Platform, gateway_db: Database) -> None:
    """A process that stalled for over five seconds while another took the call over and answered."""
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    stalled = asyncio.create_task(customer.http.get("/proxy/echo/held", headers=KEY))
    await eventually(lambda: platform.upstream.received)
    await let_lapse(gateway_db)
    taken_over = asyncio.create_task(customer.http.get("/proxy/echo/held", headers=KEY))
    await eventually(lambda: len(platform.upstream.received) == 2)
    platform.upstream.go_on.set()
    assert await status_or_cut(stalled) in (409, "cut")
    answered = await taken_over
    assert (answered.status_code, answered.headers["x-credits-charged"]) == (200, "1")
    await platform.settled(customer.account_id, FULL - CREDIT)


async def test_a_metered_call_is_captured_once(platform: Platform, gateway_db: Database) -> None:
    """The first answer was captured and lost; the repeat's, dearer by its own usage, costs what the first did."""
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    first = await customer.http.post("/proxy/demo/chat/completions", json=CHAT, headers=KEY)
    assert first.headers["x-credits-charged"] == "0.01"
    await let_lapse(gateway_db)
    platform.upstream.answers["/chat/completions"] = answer_of(b'{"usage":{"total_tokens":77}}')
    again = await customer.http.post("/proxy/demo/chat/completions", json=CHAT, headers=KEY)
    assert (again.status_code, again.headers["x-credits-charged"]) == (200, "0.01")
    await platform.settled(customer.account_id, FULL - 10)
    assert_already_charged(
        await customer.http.post("/proxy/demo/chat/completions", json=CHAT, headers=KEY),
        first.headers["x-request-id"],
    )


async def test_a_hold_is_taken_up_again(platform: Platform, gateway_db: Database) -> None:
    """Its process died before the capture: the repeat captures the very same hold."""
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    lost = asyncio.create_task(customer.http.post("/proxy/demo/held", json=CHAT, headers=KEY))
    await eventually(lambda: platform.upstream.received)
    held = (await platform.wallet(customer.account_id))["held"]
    first_id = platform.upstream.received[0].header("x-request-id")
    await let_lapse(gateway_db)
    again = asyncio.create_task(customer.http.post("/proxy/demo/held", json=CHAT, headers=KEY))
    await eventually(lambda: len(platform.upstream.received) == 2)
    assert (await platform.wallet(customer.account_id))["held"] == held > 0
    platform.upstream.go_on.set()
    assert (await again).headers["x-credits-charged"] == "0.01"
    assert (await lost).status_code in (409, 503)
    await platform.settled(customer.account_id, FULL - 10)
    assert first_id is not None
    assert (await usage_of(platform, customer, first_id))["credits"] == 0.01


async def test_a_hold_that_was_charged_at_its_expiry_is_given_back_before_a_new_one(
    make_platform: MakePlatform, gateway_db: Database
) -> None:
    platform = await make_platform(hold_margin_ms=100)
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    first = await customer.http.post("/proxy/demo/chat/completions", json=CHAT, headers=KEY)
    await let_lapse(gateway_db)
    pool = await gateway_db.asyncpg_pool()
    await pool.execute("UPDATE paid_repeats SET capture_id = NULL, capture_amount = NULL")
    assert first.headers["x-credits-charged"] == "0.01"

    async def is_older_than_the_margin() -> bool:
        (row,) = await rows(gateway_db)
        return bool(await pool.fetchval("SELECT clock_timestamp() - $1 > interval '150 ms'", row["created_at"]))

    await eventually(is_older_than_the_margin)
    again = await customer.http.post("/proxy/demo/chat/completions", json=CHAT, headers=KEY)
    assert again.headers["x-credits-charged"] == "0.01"
    (row,) = await rows(gateway_db)
    assert row["charge_id"] == decode("req", again.headers["x-request-id"])


@pytest.mark.long
@pytest.mark.parametrize("was_meant", [True, False])
async def test_what_a_hold_was_charged_at_its_expiry_is_not_paid_beside_the_repeat(
    *, make_platform: MakePlatform, billing_db: Database, gateway_db: Database, was_meant: bool
) -> None:
    """Billing was away when the stream ended: it was cut, and the sweep charged what billing had been told of it.
    `was_meant`: that its capture was noted before; else its process had died by then."""
    platform = await make_platform(billing_deadline_ms=500, hold_margin_ms=500)
    await platform.route("demo", price=BY_TOKEN, timeout_ms=2_000)
    customer = await platform.customer()
    books, stream = await billing_db.asyncpg_pool(), {**CHAT, "stream": True}
    call = asyncio.create_task(customer.http.post("/proxy/demo/slow/chat/completions", json=stream, headers=KEY))

    async def is_told_of() -> bool:
        return bool(await books.fetchval("SELECT max(spent) FROM holds"))

    await eventually(is_told_of)
    platform.send_postings_to(NOWHERE)
    platform.upstream.go_on.set()
    assert await status_or_cut(call) == "cut"
    await platform.settled(customer.account_id, FULL - 100)
    if not was_meant:
        pool = await gateway_db.asyncpg_pool()
        await pool.execute("UPDATE paid_repeats SET capture_id = NULL, capture_amount = NULL")
    platform.send_postings_to(platform.billing_url)
    again = await customer.http.post("/proxy/demo/slow/chat/completions", json=stream, headers=KEY)
    assert again.text.endswith("data: [DONE]\n\n")
    await platform.settled(customer.account_id, FULL - 100)
    moved = (
        "SELECT kind, amount FROM transfers WHERE account_id = $1 AND kind IN ('charge', 'reversal') ORDER BY position"
    )
    assert [tuple(row) for row in await books.fetch(moved, customer.account_id)] == [
        ("charge", 100), ("reversal", 100), ("charge", 100),
    ]  # fmt: skip
    assert_already_charged(
        await customer.http.post("/proxy/demo/slow/chat/completions", json=stream, headers=KEY),
        again.headers["x-request-id"],
    )


async def test_a_price_of_another_kind_runs_anew_after_the_first_charge_is_back(
    platform: Platform, gateway_db: Database
) -> None:
    route = await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    await customer.http.post("/proxy/echo/chat/completions", json=CHAT, headers=KEY)
    await let_lapse(gateway_db)
    await reprice(platform, route.route.id, BY_TOKEN)
    again = await customer.http.post("/proxy/echo/chat/completions", json=CHAT, headers=KEY)
    assert again.headers["x-credits-charged"] == "0.01"
    await platform.settled(customer.account_id, FULL - 10)


async def test_a_streams_key_is_answered_by_its_end(platform: Platform, gateway_db: Database) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    body = {**CHAT, "stream": True}
    async with customer.http.stream("POST", "/proxy/demo/chat/completions", json=body, headers=KEY) as answer:
        await answer.aread()
        assert answer.text.endswith("data: [DONE]\n\n")
        (row,) = await rows(gateway_db)
        assert row["state"] == "answered"
    again = await customer.http.post("/proxy/demo/chat/completions", json=body, headers=KEY)
    assert_already_charged(again, answer.headers["x-request-id"])
    await platform.settled(customer.account_id, FULL - 10)


async def test_who_leaves_a_stream_may_not_have_it_again_for_nothing(platform: Platform, gateway_db: Database) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    body = {**CHAT, "stream": True}
    async with customer.http.stream("POST", "/proxy/demo/slow/chat/completions", json=body, headers=KEY) as answer:
        async for _ in answer.aiter_raw():
            break
    await platform.settled(customer.account_id, FULL - 100)

    async def is_answered() -> bool:
        (row,) = await rows(gateway_db)
        return bool(row["state"] == "answered")

    await eventually(is_answered)


async def test_a_call_with_the_header_needs_postgresql(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()

    async def away() -> None:
        raise ConnectionRefusedError

    async def refused_with_the_header_alone() -> bool:
        """A look of the change feed in between fails, too: then nobody may rely on what is remembered of keys."""
        answered.append((await customer.http.get("/proxy/echo/x")).status_code)  # the API key is remembered
        platform.upstream.received.clear()
        with monkeypatch.context() as patched:
            patched.setattr(platform.gateway.database, "asyncpg_pool", away)
            answer = await customer.http.get("/proxy/echo/x", headers=KEY)
            assert (answer.status_code, code_of(answer)) == (503, "service_unavailable")
            assert platform.upstream.received == []
            answered.append((await customer.http.get("/proxy/echo/x")).status_code)
            return answered[-1] == 200

    answered: list[int] = []
    await eventually(refused_with_the_header_alone)
    await platform.settled(customer.account_id, FULL - answered.count(200) * CREDIT)


async def test_an_answer_that_cannot_be_noted_does_not_end(
    platform: Platform, gateway_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL goes between charge and answer: 503, and the charge goes back once it is there again."""
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    call = asyncio.create_task(customer.http.get("/proxy/echo/held", headers=KEY))
    await eventually(lambda: platform.upstream.received)

    async def away() -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(platform.gateway.database, "asyncpg_pool", away)
        platform.upstream.go_on.set()
        assert await status_or_cut(call) in (503, "cut")
    await platform.settled(customer.account_id, FULL)
    assert await rows(gateway_db) == []


async def test_a_second_gateway_knows_the_key(make_platform: MakePlatform) -> None:
    one = await make_platform()
    await one.route("echo", price=PER_CALL)
    customer = await one.customer()
    other = await make_platform(billing_url=one.billing_url)
    first = await customer.http.get("/proxy/echo/x", headers=KEY)
    elsewhere = await other.client(customer.key)
    assert_already_charged(await elsewhere.get("/proxy/echo/x", headers=KEY), first.headers["x-request-id"])


async def test_rows_live_24_hours(platform: Platform, gateway_db: Database) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    await customer.http.get("/proxy/echo/x", headers=KEY)
    pool = await gateway_db.asyncpg_pool()
    await pool.execute("UPDATE paid_repeats SET created_at = created_at - interval '24 hours 1 second'")
    assert (await customer.http.get("/proxy/echo/x", headers=KEY)).status_code == 200, "as if never seen"
    assert (await customer.http.get("/proxy/echo/x", headers=KEY)).status_code == 409
    await pool.execute("UPDATE paid_repeats SET created_at = created_at - interval '24 hours 1 second'")
    assert await platform.gateway.paid._repeats._store.forget_old() is False
    assert await rows(gateway_db) == []
