import asyncio
import os
import re
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.gateway.domain.api_key import key_hash, make_key, may_exist, presented
from services.gateway.store import keys
from shared import changes
from tests.conftest import Servers
from tests.integration.gateway_identity.conftest import Billing, Customer, World, code_of
from tests.support.http import eventually

PATH = "/api/v1/auth/api-key"


@pytest.fixture
async def rich(world: World) -> Customer:
    world.billing.default = 5_000_000
    return await world.register()


async def test_key_is_shown_once_and_kept_as_a_digest(world: World, rich: Customer) -> None:
    made = await rich.make_key(name="My key")
    key = made["key"]
    assert re.fullmatch(r"tg_live_[A-Za-z0-9_-]{43}_[0-9A-Za-z]{6}", key) and may_exist(key)
    assert (made["prefix"], made["last4"], made["name"]) == (key[:12], key[-4:], "My key")
    assert made["scopes"] == ["proxy", "credits:read", "usage:read"]
    assert made["limits"] == {"per_minute": 100, "per_day": 10_000}
    listed = await rich.http.get("/api/v1/auth/api-keys")
    assert key not in listed.text
    assert listed.json()["data"] == [{name: value for name, value in made.items() if name != "key"}]
    async with world.gateway.database.transaction() as connection:
        for table in ("api_keys", "audit", "outbox", "changes", "idempotency"):
            rows = await connection.execute(text(f"SELECT to_jsonb(t)::text AS row FROM {table} AS t"))  # noqa: S608
            assert key not in " ".join(row.row for row in rows)
    record = await world.gateway.keys.find(presented(key))
    assert record is not None and record.key_id == made["id"] and record.account_id == rich.id


@pytest.mark.parametrize(("available", "status"), [(0, 402), (4_999_999, 402), (5_000_000, 201)])
async def test_first_key_needs_the_minimum(world: World, available: int, status: int) -> None:
    customer = await world.register()
    world.billing.available[customer.id] = available
    answer = await customer.http.post(PATH, json={"name": "first"})
    assert answer.status_code == status
    if status == 402:
        assert code_of(answer) == "insufficient_credits"
        problem = answer.json()
        assert problem["required"] == 5000 and problem["checkout_path"] == "/credits/buy"
        assert problem["credits"] * 1000 == available
        assert (await customer.http.get("/api/v1/auth/api-keys")).json()["data"] == []


async def test_further_keys_need_one_credit_even_after_the_first_is_revoked(world: World, rich: Customer) -> None:
    first = await rich.make_key()
    assert (await rich.http.delete(f"/api/v1/auth/api-keys/{first['id']}")).status_code == 204
    world.billing.available[rich.id] = 999
    refused = await rich.http.post(PATH, json={"name": "second"})
    assert (code_of(refused), refused.json()["required"], refused.json()["credits"]) == (
        "insufficient_credits",
        1,
        0.999,
    )
    world.billing.available[rich.id] = 1000
    assert (await rich.http.post(PATH, json={"name": "second"})).status_code == 201


async def test_refused_first_key_stays_a_first_key(world: World) -> None:
    customer = await world.register()
    for _ in range(2):
        refused = await customer.http.post(PATH, json={"name": "k"})
        assert refused.json()["required"] == 5000


async def test_without_billing_no_key_is_made(world: World, rich: Customer) -> None:
    world.billing.status = 404
    away = await rich.http.post(PATH, json={"name": "k"})
    assert (away.status_code, code_of(away)) == (503, "billing_unavailable")
    assert away.headers["retry-after"]
    assert (await rich.http.get("/api/v1/auth/api-keys")).json()["data"] == []


async def test_dead_billing_is_noticed_within_the_deadline(make_world: Callable[..., Any]) -> None:
    world: World = await make_world(Billing(url="http://127.0.0.1:1"))
    customer = await world.register()
    async with asyncio.timeout(5):
        away = await customer.http.post(PATH, json={"name": "k"})
    assert (away.status_code, code_of(away)) == (503, "billing_unavailable")


async def test_concurrent_creations_of_one_account_all_end_well(world: World, rich: Customer) -> None:
    answers = await asyncio.gather(*(rich.http.post(PATH, json={"name": f"k{n}"}) for n in range(20)))
    assert [answer.status_code for answer in answers] == [201] * 20
    listed = (await rich.http.get("/api/v1/auth/api-keys?limit=100")).json()["data"]
    assert len({key["id"] for key in listed}) == 20


async def test_each_creation_is_covered_by_what_billing_said_under_the_lock(
    make_world: Callable[..., Any],
) -> None:
    """One after another, also over two gateways."""
    one: World = await make_world(Billing(answers_after_seconds=0.02))
    two: World = await make_world(one.billing)
    customer = await one.register()
    one.billing.available[customer.id] = 4_999_999
    elsewhere = await two.client(authorization=f"Bearer {customer.token}")
    answers = await asyncio.gather(
        *(client.post(PATH, json={"name": "k"}) for client in (customer.http, elsewhere) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {402}
    assert (one.billing.asked, one.billing.most_at_once) == (16, 1)


async def test_idempotency_key_gives_the_same_api_key_again(rich: Customer) -> None:
    headers = {"idempotency-key": "make-1"}
    answers = await asyncio.gather(*(rich.http.post(PATH, json={"name": "k"}, headers=headers) for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer.json()["key"] for answer in answers if answer.status_code == 201]
    again = await rich.http.post(PATH, json={"name": "k"}, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"
    assert {*made, again.json()["key"]} == {again.json()["key"]}
    assert len((await rich.http.get("/api/v1/auth/api-keys")).json()["data"]) == 1


async def test_two_accounts_may_use_one_idempotency_key(world: World, rich: Customer) -> None:
    other = await world.register()
    headers = {"idempotency-key": "same"}
    first = await rich.http.post(PATH, json={"name": "k"}, headers=headers)
    second = await other.http.post(PATH, json={"name": "k"}, headers=headers)
    assert first.status_code == second.status_code == 201
    assert first.json()["key"] != second.json()["key"]


SENSELESS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "/name"),
    ({"name": "n" * 101}, "/name"),
    ({"name": "a\r\nX: y"}, "/name"),
    ({"scopes": []}, "/scopes"),
    ({"scopes": ["everything"]}, "/scopes/0"),
    ({"scopes": ["proxy:"]}, "/scopes/0"),
    ({"scopes": ["proxy", "proxy:../x"]}, "/scopes/1"),
    ({"allowed_ips": ["300.1.1.1"]}, "/allowed_ips/0"),
    ({"allowed_ips": ["example.com"]}, "/allowed_ips/0"),
    ({"limits": {"per_minute": 101}}, "/limits/per_minute"),
    ({"limits": {"per_day": 10_001}}, "/limits/per_day"),
    ({"limits": {"per_minute": 0}}, "/limits/per_minute"),
    ({"limits": {"per_minute": None}}, "/limits/per_minute"),
    ({"limits": {"per_minute": True}}, "/limits/per_minute"),
    ({"account_id": "acct_x"}, "/account_id"),
]


SENSELESS_ENDS = ("2020-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "tomorrow", 4102444800)


async def test_senseless_wish_makes_no_key(rich: Customer) -> None:
    ends = [({"expires_at": end}, "/expires_at") for end in SENSELESS_ENDS]
    for change, pointer in SENSELESS + ends:
        refused = await rich.http.post(PATH, json={"name": "k", **change})
        assert (refused.status_code, code_of(refused)) == (422, "validation_failed"), change
        assert refused.json()["errors"][0]["pointer"] == pointer
    assert (await rich.http.get("/api/v1/auth/api-keys")).json()["data"] == []


async def test_senseless_change_changes_nothing(rich: Customer) -> None:
    made = await rich.make_key()
    for change, pointer in SENSELESS:
        refused = await rich.http.patch(f"/api/v1/auth/api-keys/{made['id']}", json=change)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), change
    kept = (await rich.http.get("/api/v1/auth/api-keys")).json()["data"]
    assert kept == [{name: value for name, value in made.items() if name != "key"}]


async def test_wishes_are_kept_in_their_one_form(world: World, rich: Customer) -> None:
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = await rich.make_key(
        scopes=["proxy:echo", "credits:read", "proxy:echo"],
        allowed_ips=["192.0.2.77/24", "2001:DB8::1", "::ffff:198.51.100.1"],
        limits={"per_minute": 7},
        expires_at=ends,
    )
    assert made["scopes"] == ["proxy:echo", "credits:read"]
    assert made["allowed_ips"] == ["192.0.2.0/24", "2001:db8::1", "198.51.100.1"]
    assert made["limits"] == {"per_minute": 7, "per_day": 10_000}
    record = await world.gateway.keys.find(presented(made["key"]))
    assert record is not None
    assert (record.per_minute, record.per_day) == (7, 10_000)
    assert record.may_come_from("192.0.2.1") and not record.may_come_from("192.0.3.1")
    assert record.covers("proxy:echo") and not record.covers("proxy:demo") and not record.covers("usage:read")


async def test_change_holds_within_a_second_elsewhere(make_world: Callable[..., Any]) -> None:
    one: World = await make_world(Billing(default=5_000_000))
    two: World = await make_world(one.billing)
    customer = await one.register()
    made = await customer.make_key()
    assert await two.gateway.keys.find(presented(made["key"])) is not None
    changed = await customer.http.patch(
        f"/api/v1/auth/api-keys/{made['id']}", json={"name": "New", "limits": {"per_day": 5}}
    )
    assert (changed.json()["name"], changed.json()["limits"]) == ("New", {"per_minute": 100, "per_day": 5})

    async def is_lower() -> bool:
        record = await two.gateway.keys.find(presented(made["key"]))
        return record is not None and record.per_day == 5

    await eventually(is_lower, within_seconds=1.0)


async def test_revoked_key_is_refused_elsewhere_within_a_second_without_redis(
    make_world: Callable[..., Any],
) -> None:
    one: World = await make_world(Billing(default=5_000_000), redis_url="redis://127.0.0.1:1/0")
    two: World = await make_world(one.billing, redis_url="redis://127.0.0.1:1/0")
    customer = await one.register()
    made = await customer.make_key()
    await eventually(lambda: two.gateway.feed.is_current)
    assert await two.gateway.keys.find(presented(made["key"])) is not None
    assert (await customer.http.delete(f"/api/v1/auth/api-keys/{made['id']}")).status_code == 204

    async def is_refused() -> bool:
        return await two.gateway.keys.find(presented(made["key"])) is None

    await eventually(is_refused, within_seconds=1.0)
    gone = await customer.http.delete(f"/api/v1/auth/api-keys/{made['id']}")
    assert (gone.status_code, code_of(gone)) == (404, "not_found")


async def test_suspension_reaches_keys_within_a_second(world: World, rich: Customer) -> None:
    made = await rich.make_key()
    operator = await world.operator()
    assert await world.gateway.keys.find(presented(made["key"])) is not None
    await operator.http.patch(f"/api/v1/admin/accounts/{rich.id}", json={"status": "suspended"})

    async def is_suspended() -> bool:
        record = await world.gateway.keys.find(presented(made["key"]))
        return record is not None and record.account_status == "suspended"

    await eventually(is_suspended, within_seconds=1.0)


async def test_rotation_makes_a_successor_and_ends_the_old_key_at_once(world: World, rich: Customer) -> None:
    old = await rich.make_key(name="n", scopes=["proxy:echo"], limits={"per_minute": 9})
    world.billing.available[rich.id] = 0
    rotated = await rich.http.post(f"/api/v1/auth/api-keys/{old['id']}/rotate")
    assert rotated.status_code == 201
    new = rotated.json()
    assert new["key"] != old["key"]
    assert [new[name] for name in ("name", "scopes", "limits")] == [old[name] for name in ("name", "scopes", "limits")]

    async def is_refused() -> bool:
        return await world.gateway.keys.find(presented(old["key"])) is None

    await eventually(is_refused, within_seconds=1.0)
    assert await world.gateway.keys.find(presented(new["key"])) is not None


async def test_rotated_key_works_until_its_overlap_ends(world: World, rich: Customer) -> None:
    old = await rich.make_key()
    rotated = await rich.http.post(f"/api/v1/auth/api-keys/{old['id']}/rotate", json={"overlap_seconds": 1})
    assert rotated.status_code == 201

    async def ends_soon() -> bool:
        record = await world.gateway.keys.find(presented(old["key"]))
        return record is None or record.expires_at is not None

    await eventually(ends_soon, within_seconds=1.0)

    async def is_refused() -> bool:
        return await world.gateway.keys.find(presented(old["key"])) is None

    await eventually(is_refused, within_seconds=2.0)


@pytest.mark.parametrize("overlap", [-1, 1.5, "5", 10**9])
async def test_senseless_overlap_is_refused(rich: Customer, overlap: object) -> None:
    old = await rich.make_key()
    refused = await rich.http.post(f"/api/v1/auth/api-keys/{old['id']}/rotate", json={"overlap_seconds": overlap})
    assert (refused.status_code, code_of(refused)) == (422, "validation_failed")


async def test_expired_key_is_unknown_and_unlisted(world: World, rich: Customer) -> None:
    made = await rich.make_key()
    async with world.gateway.database.transaction() as connection:
        await connection.execute(text("UPDATE api_keys SET expires_at = now() - interval '1 second'"))
        await changes.note(connection, "key", made["id"])

    async def is_refused() -> bool:
        return await world.gateway.keys.find(presented(made["key"])) is None

    await eventually(is_refused, within_seconds=1.0)
    assert (await rich.http.get("/api/v1/auth/api-keys")).json()["data"] == []


async def test_pages_of_keys_follow_each_other(world: World, rich: Customer) -> None:
    made = [(await rich.make_key(name=f"k{number}"))["id"] for number in range(5)]
    first = (await rich.http.get("/api/v1/auth/api-keys?limit=2")).json()
    second = (await rich.http.get(f"/api/v1/auth/api-keys?limit=2&after={first['next']}")).json()
    third = (await rich.http.get(f"/api/v1/auth/api-keys?limit=2&after={second['next']}")).json()
    assert [key["id"] for page in (first, second, third) for key in page["data"]] == made
    assert (first["has_more"], third["has_more"], third["next"]) == (True, False, None)
    other = await world.register()
    foreign = (await other.make_key())["id"]
    for after in (foreign, "key_00000000000000000000000000", "nonsense", "%27%20OR%201=1", "%00", "key_%00"):
        refused = await rich.http.get(f"/api/v1/auth/api-keys?after={after}")
        assert (refused.status_code, code_of(refused)) == (422, "invalid_cursor")
    for limit in ("0", "101", "-1", "abc"):
        assert (await rich.http.get(f"/api/v1/auth/api-keys?limit={limit}")).status_code == 422


async def test_foreign_key_is_not_told_apart_from_none_whatever_the_body(world: World, rich: Customer) -> None:
    other = await world.register()
    foreign = (await other.make_key())["id"]
    for key_id in (foreign, "key_00000000000000000000000000", "x"):
        for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
            for body in (b"{}", b"broken", b""):
                refused = await rich.http.request(method, f"/api/v1/auth/api-keys/{key_id}{path}", content=body)
                assert (refused.status_code, code_of(refused)) == (404, "not_found")
    assert len((await other.http.get("/api/v1/auth/api-keys")).json()["data"]) == 1


async def test_account_has_no_more_live_keys_than_it_may(make_world: Callable[..., Any]) -> None:
    world: World = await make_world(Billing(default=5_000_000), key_max_per_account=2)
    customer = await world.register()
    await customer.make_key()
    second = await customer.make_key()
    refused = await customer.http.post(PATH, json={"name": "third"})
    assert (refused.status_code, code_of(refused)) == (409, "too_many_keys")
    await customer.http.delete(f"/api/v1/auth/api-keys/{second['id']}")
    assert (await customer.http.post(PATH, json={"name": "third"})).status_code == 201


async def test_wrong_check_causes_no_look_up(world: World, rich: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[bytes] = []
    look_ups = world.gateway.keys._records._look_ups
    load = look_ups._load

    async def counted(digests: Sequence[bytes]) -> Any:
        looked_up.extend(digests)
        return await load(digests)

    monkeypatch.setattr(look_ups, "_load", counted)
    key = (await rich.make_key())["key"]
    swapped = key[:20] + key[20:].swapcase()
    for wrong in (key[:-1], key + "a", key[:-1] + chr(ord(key[-1]) ^ 1), swapped, "tg_test_x", "", "x" * 600):
        assert await world.gateway.keys.find(presented(wrong)) is None
    assert looked_up == []
    unknown = make_key(b"\x01" * 32)
    assert await world.gateway.keys.find(presented(unknown.text)) is None
    assert looked_up == [unknown.hash]


async def test_a_look_up_ends_where_postgresql_does_not_even_hear_that_it_is_broken_off(
    world: World, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "LOAD_SECONDS", 0.3)
    assert await keys.load(world.gateway.database, [b"unknown"]) == {}
    pid = servers.postgres.pid
    assert pid is not None
    async with world.gateway.database.transaction() as connection:
        await connection.execute(text("LOCK TABLE api_keys"))
        os.kill(pid, signal.SIGSTOP)
        try:
            loading = asyncio.create_task(keys.load(world.gateway.database, [b"unknown"]))
            ended, _ = await asyncio.wait((loading,), timeout=2)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert ended and isinstance(loading.exception(), TimeoutError)


async def test_imported_key_of_any_shape_is_found(world: World, rich: Customer) -> None:
    made = await rich.make_key()
    async with world.gateway.database.transaction() as connection:
        await connection.execute(
            text("UPDATE api_keys SET key_hash = :hash WHERE id = :id"),
            {"hash": key_hash("legacy-Ümlaut key"), "id": made["id"]},
        )
    record = await world.gateway.keys.find(presented("legacy-Ümlaut key"))
    assert record is not None and record.key_id == made["id"]


async def test_siblings_hear_of_accounts_and_keys_without_personal_data(world: World, rich: Customer) -> None:
    made = await rich.make_key()
    await rich.http.delete(f"/api/v1/auth/api-keys/{made['id']}")
    async with world.gateway.database.transaction() as connection:
        rows = (await connection.execute(text("SELECT kind, subject, data FROM outbox ORDER BY id"))).all()
    assert [(row.kind, row.subject) for row in rows] == [
        ("account.registered", rich.id),
        ("key.created", made["id"]),
        ("key.revoked", made["id"]),
    ]
    assert "Ada" not in str(rows) and "@" not in str(rows)


@pytest.mark.long
async def test_slow_billing_leaves_connections_for_everyone_else(make_world: Callable[..., Any]) -> None:
    """Twelve accounts wait for billing; reading an account still finds a connection at once."""
    world: World = await make_world(Billing(answers_after_seconds=1.0), database_pool_size=4)
    customers = [await world.register() for _ in range(12)]
    reader = await world.register()
    creations = [asyncio.create_task(one.http.post(PATH, json={"name": "k"})) for one in customers]
    await eventually(lambda: world.billing.asking == 2)
    async with asyncio.timeout(0.9):
        assert (await reader.http.get("/api/v1/account")).status_code == 200
    answers = await asyncio.gather(*creations)
    assert {answer.status_code for answer in answers} == {402, 503}
    assert world.billing.most_at_once == 2
