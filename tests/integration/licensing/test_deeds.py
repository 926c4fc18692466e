"""What operators and owners do with licenses, and what they see."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.licensing.domain.license import AdminState, BillingState, License, LicenseId, Origin, Status, status_of
from services.licensing.service import open_service
from services.licensing.store import licenses
from services.licensing.use_cases.secret_versions import UnknownSecrets, versions
from shared.clock import FixedClock
from shared.contracts.licenses import REVOKED
from shared.ids import new_id
from shared.outbox import number_committed
from tests.support.keys import service_headers
from tests.support.licensing_world import START, SettingsFor, World, licensing_world


@pytest.fixture
async def known_accounts(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The gateway knows every account but `acct_unknown`."""

    async def get(path: str, **_options: Any) -> httpx.Response:
        request = httpx.Request("GET", "http://gateway")
        return httpx.Response(404 if path.endswith("acct_unknown") else 200, request=request)

    monkeypatch.setattr(world.licensing.gateway, "get", get)
    yield


async def _made(world: World, **body: Any) -> dict[str, Any]:
    answer = await world.operate("POST", "", {"account_id": world.account_id, **body})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.usefixtures("known_accounts")
async def test_a_license_made_by_hand_is_good_for_thirty_days_on_one_server(world: World) -> None:
    made = await _made(world, plan="enterprise", entitlements=["sso", "sso"])
    assert made["expires_at"] == "2027-03-02T12:00:00Z" and made["max_activations"] == 1
    assert made["entitlements"] == ["sso"] and made["origin"] == "operator" and made["status"] == "active"
    assert made["plan"] == "enterprise", "a name of the operator's own: no plan is looked up"
    assert await world.code(made["key"], entitlements=["sso"]) == "VALID"
    assert (await world.get(f"/api/v1/licenses/{made['id']}")).json()["key"] == made["key"]
    world.clock.advance(timedelta(days=30))
    assert await world.code(made["key"]) == "EXPIRED"


@pytest.mark.usefixtures("known_accounts")
async def test_making_twice_with_one_idempotency_key_makes_one(world: World) -> None:
    body = {"account_id": world.account_id, "no_end": True}
    answers = [await world.operate("POST", "", body, **{"Idempotency-Key": "once"}) for _ in range(2)]
    assert [answer.json() for answer in answers] == [answers[0].json()] * 2
    assert answers[0].json()["expires_at"] is None
    assert (await world.operate("GET", "/statistics")).json()["total"] == 1


@pytest.mark.usefixtures("known_accounts")
async def test_what_no_license_can_be_is_refused(world: World) -> None:
    for wrong in ({"account_id": "acct_unknown"}, {"days": 0}, {"max_activations": 0}, {"entitlements": [""]}):
        answer = await world.operate("POST", "", {"account_id": world.account_id, **wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), wrong


@pytest.mark.usefixtures("known_accounts")
async def test_renewing_counts_from_the_end_or_from_now(world: World) -> None:
    made = await _made(world, days=10)
    path = f"/{made['id']}/renew"
    once = [await world.operate("POST", path, {"days": 5}, **{"Idempotency-Key": "once"}) for _ in range(2)]
    assert [answer.json()["expires_at"] for answer in once] == ["2027-02-15T12:00:00Z"] * 2
    world.clock.advance(timedelta(days=20))
    assert await world.code(made["key"]) == "EXPIRED"
    assert (await world.operate("POST", path)).json()["expires_at"] == "2027-03-22T12:00:00Z"
    assert await world.code(made["key"]) == "VALID"
    of_subscription, _ = await world.bought()
    too_far = await world.operate("POST", path, {"days": 36_500})
    assert (too_far.status_code, too_far.json()["errors"][0]["pointer"]) == (422, "/days")
    refused = await world.operate("POST", f"/{of_subscription}/renew")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_renewable")


async def test_an_operators_suspension_is_his_to_undo(world: World) -> None:
    license_id, key = await world.bought()
    assert (await world.operate("POST", f"/{license_id}/suspend", {"reason": "asked"})).json()["reason"] == "asked"
    assert await world.code(key) == "SUSPENDED"
    world.clock.advance(timedelta(seconds=1))
    assert (await world.operate("POST", f"/{license_id}/restore")).json()["status"] == "active"
    assert await world.code(key) == "VALID"
    world.clock.advance(timedelta(seconds=1))
    for deed in ("revoke", "revoke"):
        assert (await world.operate("POST", f"/{license_id}/{deed}")).json()["status"] == "revoked"
    for deed in ("suspend", "restore", "renew"):
        refused = await world.operate("POST", f"/{license_id}/{deed}")
        assert (refused.status_code, refused.json()["code"]) == (409, "license_revoked")
    trail = await world.http.get("/internal/v1/audit", headers=service_headers("licensing"))
    told = [(line["action"], line["actor"], line["subject"]) for line in trail.json()["data"]]
    assert [action for action, _, _ in told] == ["license.revoked", "license.restored", "license.suspended"]
    assert {(actor, subject) for _, actor, subject in told} == {("acct_operator", license_id)}


@pytest.mark.usefixtures("known_accounts")
async def test_siblings_hear_that_an_operator_revoked(world: World) -> None:
    bought, _ = await world.bought()
    subscription_id = (await world.get(f"/api/v1/licenses/{bought}")).json()["subscription_id"]
    made = (await _made(world))["id"]
    ended = await world.subscribed()
    for license_id, body in ((bought, {"reason": "shared its key"}), (bought, None), (made, None)):
        assert (await world.operate("POST", f"/{license_id}/revoke", body)).status_code == 200
    await world.tell(world.facts(ended, standing="revoked", reason="canceled"))
    while await number_committed(world.licensing.database):
        pass
    fed = await world.http.get("/internal/v1/events", headers=service_headers("licensing", "billing"))
    told = [event["data"] for event in fed.json()["events"] if event["kind"] == REVOKED]
    assert [(one["license_id"], one["subscription_id"], one["by"], one["reason"]) for one in told] == [
        (bought, subscription_id, "operator", "shared its key"),
        (made, None, "operator", None),
        (told[2]["license_id"], ended, "billing", "canceled"),
    ]
    assert {(one["account_id"], one["status"], one["at"]) for one in told} == {
        (world.account_id, "revoked", "2027-01-31T12:00:00+00:00")
    }


@pytest.mark.parametrize("by_owner", [True, False])
async def test_a_leaked_key_is_replaced_and_works_until_the_overlap_is_over(world: World, by_owner: bool) -> None:
    license_id, old = await world.bought()
    body = {"overlap_seconds": 60}
    if by_owner:
        answer = await world.post(f"/api/v1/licenses/{license_id}/rotate", body)
    else:
        answer = await world.operate("POST", f"/{license_id}/rotate", body)
    assert answer.status_code == 201
    new = answer.json()["key"]
    assert new != old and (await world.get(f"/api/v1/licenses/{license_id}")).json()["key"] == new
    assert await world.code(old) == await world.code(new) == "VALID"
    world.clock.advance(timedelta(seconds=60))
    refused = (await world.validate(old)).json()
    assert refused["code"] == "REVOKED" and "replaced" in refused["detail"]
    assert await world.code(new) == "VALID"
    await world.operate("POST", f"/{license_id}/rotate", {})
    assert await world.code(new) == "REVOKED"


async def test_no_more_than_two_keys_work_however_often_it_is_rotated(world: World) -> None:
    license_id, first = await world.bought()
    keys = [first]
    for _ in range(3):
        world.clock.advance(timedelta(seconds=1))
        rotated = await world.post(f"/api/v1/licenses/{license_id}/rotate", {"overlap_seconds": 60})
        keys.append(rotated.json()["key"])
        assert [await world.code(key) for key in keys[-2:]] == ["VALID", "VALID"]
        assert {await world.code(key) for key in keys[:-2]} <= {"REVOKED"}
    found = await versions(world.licensing.database, world.licensing.secrets, world.clock)
    assert [each.keys for each in found] == [2]


async def test_why_a_key_is_not_good_is_told_step_by_step(world: World) -> None:
    subscription_id = await world.subscribed()
    license_id = (await world.get("/api/v1/licenses")).json()["data"][0]["id"]
    await world.tell(world.facts(subscription_id, standing="suspended", reason="payment_failed"))
    query = "explain?server_id=web-1&entitlements=sso"
    told = (await world.get(f"/api/v1/licenses/{license_id}/{query}")).json()
    assert (told["valid"], told["code"]) == (False, "SUSPENDED")
    assert told["detail"] == "Payments for the license failed; paying restores it."
    assert [(step["step"], step["code"]) for step in told["steps"]] == [
        ("signature", None),
        ("status", "SUSPENDED"),
        ("expiry", None),
        ("activation", "NOT_ACTIVATED"),
        ("seats", None),
        ("entitlements", "ENTITLEMENTS_MISSING"),
    ]
    assert [step["action"] for step in told["history"]] == ["issued", "suspended"]
    assert (await world.operate("GET", f"/{license_id}/{query}")).json() == told


async def test_nothing_of_another_account_is_visible(world: World) -> None:
    license_id, key = await world.bought()
    other = new_id("acct", at=START)
    assert (await world.get("/api/v1/licenses", account_id=other)).json()["data"] == []
    for path in ("", "/explain"):
        refused = await world.get(f"/api/v1/licenses/{license_id}{path}", account_id=other)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    rotated = await world.post(f"/api/v1/licenses/{license_id}/rotate", {}, account_id=other)
    assert rotated.status_code == 404
    for_operators = await world.operate("GET", f"/{license_id}")
    assert for_operators.status_code == 200 and key not in for_operators.text
    listed = await world.operate("GET", "?status=active")
    assert [license["id"] for license in listed.json()["data"]] == [license_id] and key not in listed.text
    assert (await world.operate("GET", "?status=expired")).json()["data"] == []
    assert (await world.operate("GET", "?status=odd")).status_code == 422


async def test_the_status_in_sql_is_the_domains(world: World) -> None:
    made = [
        License(
            id=LicenseId(f"lic_{number}"),
            account_id="acct_1",
            plan_id=None,
            origin=origin,
            subscription_id=f"sub_{number}" if origin is Origin.SUBSCRIPTION else None,
            customer_ref="c",
            subscription_ref="s",
            created_at=START,
            billing_state=billing_state,
            admin_state=admin_state,
            expires_at=None if days is None else START + timedelta(days=days),
            grace_seconds=86_400,
        )
        for number, (origin, billing_state, admin_state, days) in enumerate(
            (origin, billing_state, admin_state, days)
            for origin in Origin
            for billing_state in BillingState
            for admin_state in AdminState
            for days in (None, 1, 0, -1)
        )
    ]
    expected = {status: sorted(one.id for one in made if status_of(one, START) is status) for status in Status}
    async with world.licensing.database.transaction() as connection:
        for one in made:
            await licenses.insert(connection, one)
        counted = await licenses.counts(connection, now=START)
        for status, ids in expected.items():
            found = await licenses.page(connection, account_id=None, status=status, after=None, limit=200, now=START)
            assert sorted(one.id for one in found) == ids, status
    assert counted == {status: len(ids) for status, ids in expected.items()}
    assert all(expected.values())


async def test_a_version_retires_when_no_live_key_bears_it(settings_for: SettingsFor) -> None:
    first, second = "1" * 32, "2" * 32
    async with licensing_world(settings_for("licensing", license_master_secret=first)) as world:
        license_id, old = await world.bought()
    both = settings_for("licensing", license_master_secret=first, license_master_secrets={2: second})
    async with licensing_world(both) as world:
        assert await world.code(old) == "VALID"
        _, new = await world.bought()
        assert await world.code(new) == "VALID"
        found = await versions(world.licensing.database, both.master_secrets, world.clock)
        assert [(each.version, each.keys, each.may_retire) for each in found] == [(1, 1, False), (2, 1, False)]
    alone = settings_for("licensing", license_master_secret=None, license_master_secrets={2: second})
    with pytest.raises(UnknownSecrets, match=r"version 1 \(1 live keys\)"):
        async with open_service(alone, clock=FixedClock(START)):
            pass
    async with licensing_world(both) as world:
        assert (await world.operate("POST", f"/{license_id}/rotate", {})).status_code == 201
        found = await versions(world.licensing.database, both.master_secrets, world.clock)
        assert [(each.version, each.keys, each.may_retire) for each in found] == [(1, 0, True), (2, 2, False)]
    async with licensing_world(alone) as world:
        assert await world.code(old) == "BAD_SIGNATURE"
        assert await world.code(new) == "VALID"
