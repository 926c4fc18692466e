"""Rules by HTTP: written, refused, tried in shadow, promoted by a second operator, snoozed, and what they did."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from sqlalchemy.exc import IntegrityError

from services.fraud.domain.label import Label
from services.fraud.domain.rules.shipped import SHIPPED
from services.fraud.model.model import Model
from services.fraud.service import Models
from services.fraud.store import labels, rules
from services.fraud.use_cases.rule_files import export_rules, import_rules
from shared.audit import COMMAND_LINE
from shared.ids import new_id
from shared.service_auth import Caller
from tests.integration.fraud.conftest import CUSTOMER, NOW, OPERATOR, Desk
from tests.support.keys import headers_for, service_headers

RULES = "/api/v1/admin/fraud/rules"
SECOND = Caller(new_id("acct", at=NOW, entropy=b"operator-2"), "operator")
DRAFT = {"expression": "amount_usd_minor >= 50000", "weight_bp": 9_000, "detail": "Odd."}


class Rulers:
    """Two operators at a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.second = headers_for(SECOND, "fraud")

    async def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        sent = {**self.desk.operator, **headers}
        return await self.desk.http.post(f"{RULES}{path}", json=body, headers=sent)

    async def get(self, path: str) -> Any:
        found = await self.desk.http.get(f"{RULES}{path}", headers=self.desk.operator)
        assert found.status_code == 200, found.text
        return found.json()

    async def written(self, code: str = "large_amount", **fields: Any) -> str:
        made = await self.post("", {"code": code, **DRAFT, **fields})
        assert made.status_code == 201, made.text
        rule_id: str = made.json()["id"]
        return rule_id

    async def move(self, rule_id: str, to: str, *, version: int = 1, by: Caller = OPERATOR) -> httpx.Response:
        who = headers_for(by, "fraud")
        return await self.desk.http.post(f"{RULES}/{rule_id}/versions/{version}/{to}", json={}, headers=who)

    async def live(self, code: str = "large_amount", **fields: Any) -> str:
        rule_id = await self.written(code, **fields)
        assert (await self.move(rule_id, "shadow")).status_code == 200
        assert (await self.move(rule_id, "promote", by=SECOND)).status_code == 200
        await self.desk.fraud.feed.poll()
        return rule_id

    async def pay(self, amount_usd_minor: int, **facts: Any) -> dict[str, Any]:
        made = await self.desk.assess(amount_usd_minor=amount_usd_minor, **facts)
        assert made.status_code == 200, made.text
        found: dict[str, Any] = made.json()
        return found


@pytest.fixture
def rulers(desk: Desk) -> Rulers:
    """With a model that is afraid of nothing: rules alone speak."""
    calm = cast(Model, SimpleNamespace(version="calm", probability_ppm=lambda _features: 0))
    desk.fraud = desk.state.service = replace(desk.fraud, models=Models(calm, None))
    return Rulers(desk)


async def test_shipped_rules_are_live_from_the_start(rulers: Rulers) -> None:
    listed = (await rulers.get("?limit=100"))["data"]
    assert {rule["code"]: rule["live"] for rule in listed} == {each.code: 1 for each in SHIPPED}
    assert {rule["versions"][0]["author"] for rule in listed} == {"system"}


async def test_rule_goes_from_draft_over_shadow_to_live(rulers: Rulers) -> None:
    rule_id = await rulers.written()
    assert (await rulers.pay(60_000))["decision"] == "allow"
    assert (await rulers.move(rule_id, "shadow")).json()["shadow"] == 1
    await rulers.desk.fraud.feed.poll()
    shadowed = await rulers.pay(60_000)
    assert (shadowed["decision"], shadowed["reasons"]) == ("allow", [])
    assert (await rulers.move(rule_id, "promote", by=SECOND)).json()["live"] == 1
    await rulers.desk.fraud.feed.poll()
    blocked = await rulers.pay(60_000)
    assert (blocked["decision"], [reason["code"] for reason in blocked["reasons"]]) == ("block", ["large_amount"])
    assert (await rulers.move(rule_id, "retire")).json()["live"] is None
    await rulers.desk.fraud.feed.poll()
    assert (await rulers.pay(60_000))["decision"] == "allow"
    picture = await rulers.get(f"/{rule_id}")
    assert [step["state"] for step in picture["steps"]] == ["draft", "shadow", "live", "retired"]
    assert [(each["state"], each["hits"]) for each in picture["hits"]] == [("live", 1), ("shadow", 1)]


async def test_author_cannot_promote_their_own_version(rulers: Rulers) -> None:
    rule_id = await rulers.written()
    assert (await rulers.move(rule_id, "promote", by=SECOND)).json()["code"] == "rule_state_conflict"
    await rulers.move(rule_id, "shadow", by=SECOND)
    refused = await rulers.move(rule_id, "promote")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_operator_required")
    assert (await rulers.get(f"/{rule_id}"))["live"] is None


async def test_database_holds_that_an_author_makes_nothing_live(rulers: Rulers) -> None:
    rule_id = await rulers.written()
    async with rulers.desk.fraud.database.transaction() as connection:
        rule = await rules.find(connection, rule_id)
        assert rule is not None
        forged = replace(rule.versions[0], state="live")
        with pytest.raises(IntegrityError):
            await rules.save_state(connection, forged, by=forged.author, at=NOW)


async def test_new_version_takes_the_old_ones_place_when_it_is_promoted(rulers: Rulers) -> None:
    rule_id = await rulers.live()
    added = await rulers.post(f"/{rule_id}/versions", {**DRAFT, "expression": "amount_usd_minor >= 70000"})
    assert (added.status_code, added.json()["live"]) == (201, 1)
    await rulers.move(rule_id, "shadow", version=2)
    await rulers.desk.fraud.feed.poll()
    assert (await rulers.pay(60_000))["decision"] == "block"
    promoted = (await rulers.move(rule_id, "promote", version=2, by=SECOND)).json()
    assert [each["state"] for each in promoted["versions"]] == ["retired", "live"]
    await rulers.desk.fraud.feed.poll()
    assert (await rulers.pay(60_000))["decision"] == "allow"


@pytest.mark.parametrize(
    "expression",
    [
        "is_bot" + " || is_bot" * 6_553,
        "(" * 1_000 + "is_bot" + ")" * 1_000,
        "currency.matches('(a+)+$')",
        "[1, 2, 3].all(x, [1, 2, 3].all(y, is_bot))",
        "100 / hour > 3",
        "amount > 3",
    ],
    ids=["64 KiB", "nested", "regex", "loop", "fails", "unknown"],
)
async def test_evil_rule_is_refused_with_where_and_why_and_others_go_on(rulers: Rulers, expression: str) -> None:
    refused = await rulers.post("", {"code": "evil", **DRAFT, "expression": expression})
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")
    assert refused.json()["errors"][0]["pointer"] == "/expression"
    assert refused.json()["errors"][0]["message"].startswith("at character ")
    assert (await rulers.post("/check", {"expression": expression})).status_code == 422
    assert (await rulers.pay(600))["decision"] == "allow"


async def test_rule_that_fails_on_a_payment_does_not_fire_and_others_do(rulers: Rulers) -> None:
    """Trying it out cannot know every payment."""
    broken = await rulers.live("broken", expression="100 / (amount_usd_minor - 60000) < 3")
    await rulers.live()
    assert [each["code"] for each in (await rulers.pay(60_000))["reasons"]] == ["large_amount"]
    assert (await rulers.get(f"/{broken}/hits"))["data"] == []
    assert (await rulers.post(f"/{broken}/backtest", {})).json()["failed"] == 1


async def test_two_rules_of_one_code_are_one(rulers: Rulers) -> None:
    await rulers.written()
    again = await rulers.post("", {"code": "large_amount", **DRAFT})
    assert (again.status_code, again.json()["code"]) == (409, "name_taken")


async def test_writing_with_a_key_writes_once(rulers: Rulers) -> None:
    sent = {"code": "large_amount", **DRAFT}
    first, again = [await rulers.post("", sent, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert (first.json(), again.headers["Idempotent-Replayed"]) == (again.json(), "true")


async def test_snoozed_rule_sleeps_for_the_account_until_the_snooze_ends(rulers: Rulers) -> None:
    rule_id = await rulers.live()
    ends = NOW + timedelta(hours=1)
    body = {"kind": "account", "value": CUSTOMER.account_id, "expires_at": ends.isoformat(), "reason": "known"}
    made = await rulers.post(f"/{rule_id}/snoozes", body)
    assert made.status_code == 201, made.text
    await rulers.desk.fraud.feed.poll()
    assert (await rulers.pay(60_000))["decision"] == "allow"
    other = new_id("acct", at=NOW)
    assert (await rulers.pay(60_000, account_id=other))["decision"] == "block"
    rulers.desk.clock.advance(timedelta(hours=1))
    assert (await rulers.pay(60_000))["decision"] == "block"
    assert (await rulers.get(f"/{rule_id}/snoozes"))["data"] == []


async def test_snooze_is_ended_and_renewed(rulers: Rulers) -> None:
    rule_id = await rulers.live()
    body = {"kind": "card", "value": "fp_of_a_card", "expires_at": (NOW + timedelta(days=1)).isoformat()}
    first = (await rulers.post(f"/{rule_id}/snoozes", body)).json()
    second = (await rulers.post(f"/{rule_id}/snoozes", body)).json()
    assert [each["id"] for each in (await rulers.get(f"/{rule_id}/snoozes"))["data"]] == [second["id"]]
    delete: Callable[[str], Awaitable[httpx.Response]] = lambda snooze: rulers.desk.http.delete(  # noqa: E731
        f"{RULES}/{rule_id}/snoozes/{snooze}", headers=rulers.desk.operator
    )
    assert (await delete(first["id"])).status_code == 404
    assert (await delete(second["id"])).status_code == 204
    await rulers.desk.fraud.feed.poll()
    assert (await rulers.pay(60_000, card_fingerprint="fp_of_a_card"))["decision"] == "block"


@pytest.mark.parametrize("days", [0, 366])
async def test_snooze_has_an_end_that_can_be_seen(rulers: Rulers, days: int) -> None:
    rule_id = await rulers.written()
    ends = (NOW + timedelta(days=days)).isoformat()
    refused = await rulers.post(f"/{rule_id}/snoozes", {"kind": "device", "value": "dev_1", "expires_at": ends})
    assert refused.json()["errors"][0]["pointer"] == "/expires_at"


async def test_hits_show_what_became_known_of_them(rulers: Rulers) -> None:
    rule_id = await rulers.live()
    payments = [new_id("pay", at=NOW) for _ in range(3)]
    for payment_id in payments:
        await rulers.pay(60_000, payment_id=payment_id)
    await label(rulers.desk, payments[0], is_fraud=True)
    await label(rulers.desk, payments[1], is_fraud=False)
    [tally] = (await rulers.get(f"/{rule_id}"))["hits"]
    assert (tally["hits"], tally["known_fraud"], tally["known_honest"], tally["precision"]) == (3, 1, 1, 0.5)
    first = await rulers.get(f"/{rule_id}/hits?limit=2")
    rest = await rulers.get(f"/{rule_id}/hits?limit=2&after={first['next']}")
    known = {each["payment_id"]: each["is_fraud"] for each in [*first["data"], *rest["data"]]}
    assert known == {payments[0]: True, payments[1]: False, payments[2]: None}


async def test_backtest_of_a_bad_rule_shows_its_harm_before_it_is_promoted(rulers: Rulers) -> None:
    fraud = [new_id("pay", at=NOW) for _ in range(2)]
    for payment_id in fraud:
        await rulers.pay(90_000, payment_id=payment_id, account_id=new_id("acct", at=NOW))
        await label(rulers.desk, payment_id, is_fraud=True)
    for _ in range(18):
        await rulers.pay(2_000)
    bad = await rulers.written("everybody", expression="amount_usd_minor >= 1000")
    report = (await rulers.post(f"/{bad}/backtest", {"days": 10})).json()
    assert (report["payments"], report["harmful"], report["before"]["allow"], report["after"]["block"]) == (
        20,
        True,
        20,
        20,
    )
    assert report["harm"]["honest_stopped"] == {
        "payments": 18,
        "amount_usd_minor": 36_000,
        "known_fraud": 0,
        "known_honest": 0,
        "unknown": 18,
        "accounts": 1,
    }
    assert report["warnings"][0].startswith("It would stop 18 of 20 payments that go on today")
    good = await rulers.written("large_ones", expression="amount_usd_minor >= 50000", weight_bp=7_500)
    report = (await rulers.post(f"/{good}/backtest", {"days": 10})).json()
    assert (report["harmful"], report["precision"], report["recall"]) == (False, 1.0, 1.0)
    assert report["flips"] == [
        {
            "from": "allow",
            "to": "review",
            "payments": 2,
            "amount_usd_minor": 180_000,
            "known_fraud": 2,
            "known_honest": 0,
            "unknown": 0,
        }
    ]
    assert report["after"]["reviews_per_day"] == 0.2
    picture = await rulers.get(f"/{bad}")
    assert [each["harmful"] for each in picture["backtests"]] == [True]
    assert [each["state"] for each in picture["versions"]] == ["draft"], "it was only tried"
    assert [each["version"] for each in (await rulers.get(f"/{bad}/backtests"))["data"]] == [1]


async def test_backtest_of_what_is_not_there_is_not_found(rulers: Rulers) -> None:
    assert (await rulers.post(f"/{new_id('rule', at=NOW)}/backtest", {})).status_code == 404
    rule_id = await rulers.written()
    assert (await rulers.post(f"/{rule_id}/backtest", {"version": 2})).status_code == 404


async def test_what_operators_do_with_rules_is_on_the_audit_trail(rulers: Rulers) -> None:
    rule_id = await rulers.live()
    await rulers.post(f"/{rule_id}/backtest", {})
    found = await rulers.desk.http.get("/internal/v1/audit", headers=headers_of_a_service())
    lines = [(line["action"], line["actor"]) for line in found.json()["data"] if line["subject"] == rule_id]
    assert sorted(lines) == sorted(
        [
            ("rule.created", OPERATOR.account_id),
            ("rule.shadow", OPERATOR.account_id),
            ("rule.live", SECOND.account_id),
            ("rule.backtested", OPERATOR.account_id),
        ]
    )


async def test_rules_come_in_as_drafts_from_a_file_and_go_out_as_one(rulers: Rulers) -> None:
    fraud = rulers.desk.fraud
    told = json.loads(await export_rules(fraud))
    assert [each["code"] for each in told["rules"]] == sorted(each.code for each in SHIPPED)
    told["rules"][0]["weight_bp"] += 1
    told["rules"].append({"code": "of_ours", **DRAFT})
    done = await import_rules(fraud, json.dumps(told), COMMAND_LINE)
    assert (done.new, done.changed, len(done.unchanged)) == (["of_ours"], [told["rules"][0]["code"]], len(SHIPPED) - 1)
    again = await import_rules(fraud, json.dumps(told), COMMAND_LINE)
    assert (again.new, again.changed) == ([], [])
    listed = {rule["code"]: rule for rule in (await rulers.get("?limit=100"))["data"]}
    assert [each["state"] for each in listed["of_ours"]["versions"]] == ["draft"]
    assert [each["state"] for each in listed[done.changed[0]]["versions"]] == ["live", "draft"]


async def test_signals_are_told_with_their_meaning(rulers: Rulers) -> None:
    found = await rulers.desk.http.get("/api/v1/admin/fraud/signals", headers=rulers.desk.operator)
    amount = next(each for each in found.json()["data"] if each["name"] == "amount_usd_minor")
    assert amount == {"name": "amount_usd_minor", "type": "int", "unknown": 0, "meaning": "the amount in US cents"}


async def test_only_operators_see_rules(rulers: Rulers) -> None:
    found = await rulers.desk.http.get(RULES, headers=headers_for(CUSTOMER, "fraud"))
    assert (found.status_code, found.json()["code"]) == (403, "forbidden")
    assert (await rulers.desk.http.get(RULES)).status_code == 401


async def label(desk: Desk, payment_id: str, *, is_fraud: bool) -> None:
    async with desk.fraud.database.transaction() as connection:
        await labels.learn(connection, Label(payment_id, is_fraud, "operator", f"{payment_id}:{is_fraud}", NOW))


def headers_of_a_service() -> dict[str, str]:
    return service_headers("fraud", "gateway")
