"""Licenses follow billing's news: PENDING until paid, one key, one mail; the last news alone count."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from services.licensing.domain.license_key import read_license_key, version_that_sealed
from services.licensing.events.billing import reader
from services.licensing.use_cases.welcome import add_key
from shared import doors, mails
from shared.contracts.licenses import LICENSES_PATH
from shared.contracts.subscriptions import CHANGED
from shared.db import Database
from shared.ids import new_id
from shared.mails import Mail
from shared.outbox import feed_router, number_committed, publish
from shared.service_auth import Verifier, public_key_of
from tests.support import keys
from tests.support.http import running
from tests.support.keys import LICENSE_MASTER_SECRET
from tests.support.licensing_world import START, SettingsFor, World, licensing_world


async def _rows(world: World, statement: str) -> list[tuple[object, ...]]:
    async with world.licensing.database.transaction() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


async def _welcomes(world: World) -> list[Mail]:
    rows = await _rows(world, "SELECT id, account_id, template, content, attempts FROM mails")
    return [Mail(*row) for row in rows]  # type: ignore[arg-type]


async def test_a_key_waits_for_payment_and_is_mailed_once(world: World) -> None:
    subscription_id = await world.subscribed(standing="pending", reason="never_paid", expires_at=None)
    listed = (await world.get("/api/v1/licenses")).json()["data"]
    assert [one["status"] for one in listed] == ["pending"] and "key" not in listed[0]
    key = (await world.get(f"/api/v1/licenses/{listed[0]['id']}")).json()["key"]
    assert await world.code(key) == "PENDING" and await _welcomes(world) == []
    paid = world.facts(subscription_id)
    for _ in range(2):
        await world.tell(paid)
    assert await world.code(key) == "VALID"
    await world.tell(world.facts(subscription_id, expires_at=(START + timedelta(days=62)).isoformat()))
    [mail] = await _welcomes(world)
    assert mail.values == {"plan": "License", "license_id": listed[0]["id"], "servers": "1 server", "heartbeat": ""}
    assert await add_key(world.licensing, mail) == {"license_key": key, "heartbeat": ""}
    steps = await _rows(world, "SELECT action, cause, reference FROM license_steps ORDER BY seq")
    assert [step[0] for step in steps] == ["issued", "started", "extended"]
    assert steps[1][1:] == ("billing", f"{subscription_id}:2")


async def test_the_key_is_l3s_and_nothing_of_it_is_kept(world: World) -> None:
    _, printed = await world.bought()
    key = read_license_key(printed)
    assert key is not None and version_that_sealed(key, {1: LICENSE_MASTER_SECRET.encode()}) == 1
    for table in ("licenses", "license_keys", "license_steps", "outbox", "mails", "audit"):
        dump = str(await _rows(world, f"SELECT to_jsonb({table})::text FROM {table}"))  # noqa: S608
        assert printed not in dump and key.digits not in dump and key.body not in dump


@pytest.mark.parametrize(
    ("standing", "reason", "code"),
    [("suspended", "payment_failed", "SUSPENDED"), ("suspended", "dispute", "SUSPENDED")],
)
async def test_payment_restores_the_same_key(world: World, standing: str, reason: str, code: str) -> None:
    subscription_id = await world.subscribed()
    license = (await world.get("/api/v1/licenses")).json()["data"][0]
    key = (await world.get(f"/api/v1/licenses/{license['id']}")).json()["key"]
    await world.tell(world.facts(subscription_id, standing=standing, reason=reason))
    assert await world.code(key) == code
    shown = (await world.get(f"/api/v1/licenses/{license['id']}")).json()
    assert (shown["status"], shown["reason"], shown["key"]) == ("suspended", reason, key)
    await world.tell(world.facts(subscription_id))
    assert await world.code(key) == "VALID" and len(await _welcomes(world)) == 1


async def test_older_news_change_nothing(world: World) -> None:
    subscription_id = await world.subscribed(standing="pending", expires_at=None)
    await world.tell(world.facts(subscription_id, version=7))
    await world.tell(world.facts(subscription_id, version=6, standing="suspended", reason="dispute"))
    await world.tell(world.facts(subscription_id, version=7, standing="suspended", reason="dispute"))
    assert (await world.get("/api/v1/licenses")).json()["data"][0]["status"] == "active"


async def test_a_purchase_that_was_never_paid_leaves_no_good_key(world: World) -> None:
    subscription_id = await world.subscribed(standing="pending", expires_at=None)
    license = (await world.get("/api/v1/licenses")).json()["data"][0]
    key = (await world.get(f"/api/v1/licenses/{license['id']}")).json()["key"]
    void = {"standing": "void", "reason": "never_paid", "expires_at": None}
    await world.tell(world.facts(subscription_id, **void))
    assert await world.code(key) == "REVOKED" and await _welcomes(world) == []
    await world.tell(world.facts(subscription_id))
    assert await world.code(key) == "REVOKED" and await _welcomes(world) == []
    await world.subscribed(**void)
    assert len((await world.get("/api/v1/licenses")).json()["data"]) == 1


async def test_what_was_never_paid_is_not_good_whatever_billing_says(world: World) -> None:
    await world.subscribed(standing="good", expires_at=None)
    assert (await world.get("/api/v1/licenses")).json()["data"][0]["status"] == "pending"
    assert await _welcomes(world) == []


async def test_an_operators_revocation_survives_payments_and_plan_changes(world: World) -> None:
    subscription_id = await world.subscribed()
    license = (await world.get("/api/v1/licenses")).json()["data"][0]
    key = (await world.get(f"/api/v1/licenses/{license['id']}")).json()["key"]
    assert (await world.operate("POST", f"/{license['id']}/revoke", {"reason": "abuse"})).status_code == 200
    later = (START + timedelta(days=400)).isoformat()
    await world.tell(world.facts(subscription_id, expires_at=later, plan={"id": "other", "max_activations": 9}))
    assert await world.code(key) == "REVOKED"
    shown = (await world.get(f"/api/v1/licenses/{license['id']}")).json()
    assert (shown["status"], shown["reason"], shown["plan"]) == ("revoked", "abuse", "other")


async def test_a_new_subscription_has_a_new_key(world: World) -> None:
    first_subscription = await world.subscribed()
    await world.tell(world.facts(first_subscription, standing="revoked", reason="canceled"))
    world.clock.advance(timedelta(seconds=1))
    await world.subscribed()
    licenses = (await world.get("/api/v1/licenses")).json()["data"]
    assert [license["status"] for license in licenses] == ["active", "revoked"]
    statistics = (await world.operate("GET", "/statistics")).json()
    assert (statistics["total"], statistics["active"], statistics["revoked"]) == (2, 1, 1)


async def test_the_same_news_to_two_at_once_make_one_license(world: World) -> None:
    facts = world.facts(new_id("sub", at=START))
    await asyncio.gather(*(world.tell(facts) for _ in range(5)), return_exceptions=True)
    assert len((await world.get("/api/v1/licenses")).json()["data"]) == 1
    assert len(await _welcomes(world)) == 1


async def test_billings_feed_is_read_once_by_both_replicas(settings_for: SettingsFor, billing_db: Database) -> None:
    billing = FastAPI()
    billing.include_router(feed_router("billing"))
    doors.install(billing, trusts_request_id=True)
    billing.state.service = _Service(billing_db)
    billing.state.verifier = Verifier("billing", {name: public_key_of(seed) for name, seed in keys.SEEDS.items()})
    async with running(billing) as url:
        settings = settings_for("licensing", billing_url=url, run_workers=False)
        async with licensing_world(settings) as one, licensing_world(settings) as other:
            facts = [one.facts(new_id("sub", at=START)) for _ in range(3)]
            async with billing_db.transaction() as connection:
                for each in facts:
                    await publish(connection, "payment.succeeded", "pay_1", {"amount_minor": 2_500}, at=START)
                    await publish(connection, CHANGED, each["subscription_id"], each, at=START)
            await number_committed(billing_db)
            for _ in range(2):
                await asyncio.gather(*(reader(world.licensing).run_once() for world in (one, other)))
            assert len((await one.get("/api/v1/licenses")).json()["data"]) == 3
            asked = {"subscription": [*(each["subscription_id"] for each in facts), new_id("sub", at=START)]}
            headers = keys.service_headers("licensing", "billing")
            told = (await other.http.get(LICENSES_PATH, params=asked, headers=headers)).json()["licenses"]
            assert set(told) == {each["subscription_id"] for each in facts}
            assert len({license_id for license_id in told.values() if license_id.startswith("lic_")}) == 3


class _Service:
    def __init__(self, database: Database) -> None:
        self.database = database


async def test_a_mail_is_handed_over_with_its_key_after_a_crash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = await world.bought()
    handed: list[tuple[str, dict[str, str]]] = []

    async def put(path: str, body: dict[str, dict[str, str]]) -> httpx.Response:
        handed.append((path, body["values"]))
        return httpx.Response(202)

    monkeypatch.setattr(world.licensing.gateway, "put", put)

    async def resolve(mail: Mail) -> dict[str, str]:
        return dict(await add_key(world.licensing, mail))

    for _ in range(2):
        await mails.hand_over_due(world.licensing.database, world.licensing.gateway, world.licensing.clock, resolve)
    assert _keys_of(handed) == [key]


def _keys_of(handed: Sequence[tuple[str, dict[str, str]]]) -> list[str]:
    return [values["license_key"] for _, values in handed]
