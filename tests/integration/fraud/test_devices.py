"""Devices at fraud's own doors: registered, listed, claimed, held, counted, forgotten."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.fraud.domain.device import Hold
from services.fraud.store import devices
from services.fraud.use_cases.devices import fingerprint_digest, forget_unclaimed
from shared.contracts.devices import STATISTICS, claims_path, release_path
from shared.ids import new_id
from shared.service_auth import Caller
from tests.integration.fraud.conftest import CUSTOMER, NOW, Desk
from tests.support.keys import headers_for, service_headers

DEVICES = "/api/v1/devices"
OTHER = Caller(new_id("acct", at=NOW, entropy=b"another---"), "customer")
PHONE = {"type": "phone", "fingerprint": "b2f5ff47436671b6", "capabilities": ["nfc", "camera"]}


async def register(
    desk: Desk, caller: Caller | None = CUSTOMER, *, ip: str = "192.0.2.1", **body: Any
) -> httpx.Response:
    headers = service_headers("fraud") if caller is None else headers_for(caller, "fraud")
    headers["x-tollgate-caller-ip"] = ip
    return await desk.http.post(DEVICES, json={**PHONE, **body}, headers=headers)


async def claim(desk: Desk, device_id: str, account_id: str, **body: Any) -> int:
    answer = await desk.http.post(
        claims_path(device_id), json={"account_id": account_id, **body}, headers=service_headers("fraud", "billing")
    )
    return answer.status_code


async def own(desk: Desk, caller: Caller = CUSTOMER, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = (await desk.http.get(DEVICES + query, headers=headers_for(caller, "fraud"))).json()
    return found


async def test_device_of_a_session_is_the_accounts_and_of_nobody_else(desk: Desk) -> None:
    made = await register(desk, capabilities=["qr", "nfc", "qr"], name=" Ada's phone ")
    device = made.json()
    assert made.status_code == 201 and device["id"].startswith("dev_")
    assert (device["type"], device["capabilities"], device["name"]) == ("phone", ["qr", "nfc"], "Ada's phone")
    assert (await own(desk))["data"] == [device] and (await own(desk, OTHER))["data"] == []
    assert await claim(desk, device["id"], CUSTOMER.account_id) == 200
    assert await claim(desk, device["id"], OTHER.account_id) == 404


async def test_fingerprint_and_name_are_nowhere_in_clear(desk: Desk) -> None:
    made = await register(desk, fingerprint="marked-fingerprint", name="Marked Name")
    assert "marked-fingerprint" not in made.text
    async with desk.fraud.database.transaction() as connection:
        dump = ""
        for table in ("devices", "outbox", "idempotency"):
            rows = await connection.execute(text(f"SELECT CAST(t AS text) AS row FROM {table} AS t"))  # noqa: S608
            dump += "\n".join(row.row for row in rows)
    for secret in ("marked-fingerprint", "Marked Name"):
        assert secret not in dump and secret.encode().hex() not in dump
    assert fingerprint_digest("marked-fingerprint", desk.fraud.settings.blind_index_key) in dump


SENSELESS: list[tuple[dict[str, Any], str]] = [
    ({"type": "toaster"}, "/type"),
    ({"fingerprint": ""}, "/fingerprint"),
    ({"fingerprint": " "}, "/fingerprint"),
    ({"fingerprint": "x" * 513}, "/fingerprint"),
    ({"fingerprint": "a\nb"}, "/fingerprint"),
    ({"fingerprint": 7}, "/fingerprint"),
    ({"capabilities": ["x-ray"]}, "/capabilities/0"),
    ({"capabilities": "nfc"}, "/capabilities"),
    ({"capabilities": ["nfc"] * 10}, "/capabilities"),
    ({"name": "x" * 201}, "/name"),
    ({"account_id": "acct_1"}, "/account_id"),
]


async def test_senseless_device_is_refused_and_does_not_count(desk: Desk) -> None:
    for body, pointer in SENSELESS:
        refused = await register(desk, **body)
        assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == pointer
    assert (await register(desk)).status_code == 201


async def test_sixth_device_of_an_address_within_an_hour_is_refused(desk: Desk) -> None:
    answers = await asyncio.gather(*(register(desk, None) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [429] * 3
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "rate_limited" and 3_500 < int(refused.headers["retry-after"]) <= 3_600
    assert (await register(desk, CUSTOMER)).status_code == 429
    assert (await register(desk, None, ip="192.0.2.2")).status_code == 201
    assert (await register(desk, None, ip="2001:db8::1")).status_code == 201


async def test_registration_that_fails_gives_its_place_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_args: object, **_options: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(devices, "insert", breaks)
        for _ in range(6):
            assert (await register(desk)).status_code == 500
    for _ in range(5):
        assert (await register(desk)).status_code == 201


async def test_limit_holds_while_redis_is_away(desk: Desk) -> None:
    await desk.fraud.redis.aclose()
    limit = desk.fraud.registrations
    limit._redis.connection_pool.connection_kwargs.update(port=1)
    statuses = [(await register(desk)).status_code for _ in range(6)]
    assert statuses == [201] * 5 + [429]


async def test_same_idempotency_key_is_one_device_and_one_place(desk: Desk) -> None:
    headers = {**headers_for(CUSTOMER, "fraud"), "idempotency-key": "once"}
    answers = [await desk.http.post(DEVICES, json=PHONE, headers=headers) for _ in range(7)]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert len((await own(desk))["data"]) == 1
    stranger = {**service_headers("fraud"), "x-tollgate-caller-ip": "192.0.2.9", "idempotency-key": "once"}
    first = await desk.http.post(DEVICES, json=PHONE, headers=stranger)
    again = await desk.http.post(DEVICES, json=PHONE, headers=stranger)
    elsewhere = await desk.http.post(DEVICES, json=PHONE, headers={**stranger, "x-tollgate-caller-ip": "192.0.2.8"})
    assert again.content == first.content and elsewhere.json()["id"] != first.json()["id"]


async def test_own_devices_are_listed_by_page_the_newest_first(desk: Desk) -> None:
    made = []
    for number in range(3):
        desk.clock.advance(timedelta(seconds=1))
        made.append((await register(desk, fingerprint=f"phone {number}")).json()["id"])
    first = await own(desk, query="?limit=2")
    rest = await own(desk, query=f"?limit=2&after={first['next']}")
    assert [device["id"] for device in first["data"] + rest["data"]] == made[::-1]
    assert first["has_more"] and not rest["has_more"]
    answer = await desk.http.get(f"{DEVICES}?after={made[0]}", headers=headers_for(OTHER, "fraud"))
    assert answer.status_code == 422 and answer.json()["code"] == "invalid_cursor"


async def test_unclaimed_device_is_claimed_once_whoever_asks_at_once(desk: Desk) -> None:
    device_id = (await register(desk, None)).json()["id"]
    accounts = [new_id("acct", at=NOW) for _ in range(6)]
    statuses = await asyncio.gather(*(claim(desk, device_id, account) for account in accounts))
    assert sorted(statuses) == [200] + [404] * 5
    winner = accounts[statuses.index(200)]
    assert await claim(desk, device_id, winner) == 200
    async with desk.fraud.database.transaction() as connection:
        told = (
            await connection.execute(text("SELECT kind, subject, data FROM outbox ORDER BY created_at, kind"))
        ).all()
    assert sorted((row.kind, row.subject) for row in told) == [
        ("device.claimed", device_id),
        ("device.registered", device_id),
    ]
    facts = {row.kind: row.data for row in told}
    assert facts["device.claimed"] == {"device_id": device_id, "account_id": winner}
    assert facts["device.registered"] == {
        "device_id": device_id,
        "type": "phone",
        "capabilities": ["nfc", "camera"],
        "account_id": None,
    }


async def test_held_device_is_free_again_when_the_hold_ends_or_is_given_back(desk: Desk) -> None:
    device_id = (await register(desk, None)).json()["id"]
    one, other = CUSTOMER.account_id, OTHER.account_id
    assert await claim(desk, device_id, one, for_seconds=15) == 200
    assert await claim(desk, device_id, other) == 404
    assert (await own(desk))["data"] == []
    desk.clock.advance(timedelta(seconds=15))
    assert await claim(desk, device_id, other, for_seconds=15) == 200
    for account in (one, other):
        body = {"account_id": account}
        assert await claim(desk, device_id, one) == 404
        gone = await desk.http.post(release_path(device_id), json=body, headers=service_headers("fraud", "gateway"))
        assert gone.status_code == 204
    assert await claim(desk, device_id, one) == 200


async def test_claim_waits_for_the_one_before_it(desk: Desk) -> None:
    device_id = (await register(desk, None)).json()["id"]
    held = Hold(CUSTOMER.account_id, NOW + timedelta(seconds=15))
    async with desk.fraud.database.transaction() as connection:
        await devices.locked(connection, device_id, keys=desk.fraud.settings.seal_keys)
        waiting = asyncio.create_task(claim(desk, device_id, OTHER.account_id, for_seconds=15))
        await asyncio.wait([waiting], timeout=0.1)
        await devices.hold(connection, device_id, held)
    assert await waiting == 404


async def test_there_is_nothing_to_claim_of_an_unknown_device(desk: Desk) -> None:
    for device_id in ("dev_" + "0" * 26, "dev_x", "x", "acct_" + "0" * 26):
        assert await claim(desk, device_id, CUSTOMER.account_id) == 404


async def test_only_siblings_claim_and_only_the_gateway_brings_strangers(desk: Desk) -> None:
    device_id = (await register(desk, None)).json()["id"]
    customer = headers_for(CUSTOMER, "fraud")
    body = {"account_id": CUSTOMER.account_id}
    assert (await desk.http.post(claims_path(device_id), json=body, headers=customer)).status_code == 401
    assert (await desk.http.get(STATISTICS, headers=customer)).status_code == 401
    assert (await desk.http.post(DEVICES, json=PHONE)).status_code == 401
    assert (await desk.http.post(DEVICES, json=PHONE, headers=service_headers("fraud", "billing"))).status_code == 401
    assert (await desk.http.get(DEVICES, headers=service_headers("fraud"))).status_code == 401
    suspended = await register(desk, replace(CUSTOMER, status="suspended"))
    assert suspended.status_code == 403 and suspended.json()["code"] == "account_suspended"


async def test_operators_see_devices_by_type_capability_and_use(desk: Desk) -> None:
    phone = (await register(desk)).json()["id"]
    await register(desk, None, type="iot", capabilities=["automated"])
    desk.clock.advance(timedelta(days=2))
    for payment_id in ("pay_1", "pay_1", "pay_2"):
        assert (await desk.assess(payment_id=payment_id, device_id=phone)).status_code == 200
    path = "/api/v1/admin/devices/statistics"
    told = (await desk.http.get(path, headers=desk.operator)).json()
    assert told == (await desk.http.get(STATISTICS, headers=service_headers("fraud"))).json()
    assert (told["registered"], told["claimed"], told["used"], told["payments"]) == (2, 1, 1, 2)
    assert (told["registered_last_day"], told["used_last_30_days"]) == (0, 1)
    assert told["by_type"]["iot"] == {"registered": 1, "claimed": 0, "used": 0, "payments": 0}
    assert told["by_capability"]["nfc"] == {"registered": 1, "claimed": 1, "used": 1, "payments": 2}
    assert (await own(desk))["data"][0]["payments"] == 2
    assert (await desk.http.get(path, headers=headers_for(CUSTOMER, "fraud"))).status_code == 403


async def test_judgement_sees_who_shares_a_fingerprint(desk: Desk) -> None:
    first = (await register(desk)).json()["id"]
    await register(desk)
    await register(desk, OTHER)
    await register(desk, None)
    await desk.assess(payment_id="pay_1", device_id=first)
    async with desk.fraud.database.transaction() as connection:
        signals = await connection.scalar(text("SELECT snapshot -> 'signals' FROM fraud_assessments"))
    assert signals is not None
    assert (signals["device_type"], signals["fingerprint_accounts"]) == ("phone", 2)


async def test_device_that_nobody_claims_is_forgotten(desk: Desk) -> None:
    kept, left = (await register(desk)).json()["id"], (await register(desk, None)).json()["id"]
    desk.clock.advance(timedelta(days=desk.fraud.settings.device_unclaimed_days))
    await forget_unclaimed(desk.fraud)
    assert await claim(desk, left, OTHER.account_id, for_seconds=1) == 200
    desk.clock.advance(timedelta(seconds=1))
    assert not await forget_unclaimed(desk.fraud)
    assert await claim(desk, left, OTHER.account_id) == 404
    assert await claim(desk, kept, CUSTOMER.account_id) == 200
