"""The audit trail: operators' deeds by name, in the transaction of their effects, for good."""

from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from services.billing.use_cases.reconciliation import reconcile
from shared.audit import COMMAND_LINE
from tests.integration.billing_payments.conftest import OPERATOR, Shop, a_customer
from tests.integration.billing_payments.refunding import bought, cents, refund
from tests.support.keys import headers_for, service_headers

DOOR = "/internal/v1/audit"


async def lines(shop: Shop, query: str = "") -> Any:
    answer = await shop.http.get(f"{DOOR}?{query}", headers=service_headers("billing"))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_refunds_replays_and_reconciliations_name_who_asked(shop: Shop) -> None:
    payment_id = await bought(shop, a_customer())
    asked = await refund(shop, payment_id, key="ticket-1", amount=cents(100), reason="Ada was unhappy")
    refused = await refund(shop, payment_id, amount=cents(100_000))
    [event, *_] = await shop.rows("SELECT id FROM webhook_events ORDER BY id")
    replayed = await shop.post(OPERATOR, f"/api/v1/admin/webhook-events/{event.id}/replay")
    compared = await shop.post(OPERATOR, "/api/v1/admin/reconciliations")
    assert (asked.status_code, refused.status_code) == (201, 422)
    assert await reconcile(shop.billing) is not None, "the loop's is nobody's deed"
    assert await reconcile(shop.billing, actor=COMMAND_LINE) is not None

    kept = (await lines(shop))["data"]
    assert [(line["action"], line["actor"], line["subject"]) for line in kept[1:]] == [
        ("reconciliation.run", OPERATOR.account_id, compared.json()["id"]),
        ("webhook.replayed", OPERATOR.account_id, event.id),
        ("refund.asked", OPERATOR.account_id, asked.json()["id"]),
    ]
    assert (kept[0]["action"], kept[0]["actor"], kept[0]["request_id"]) == ("reconciliation.run", "command line", None)
    answers = (compared, replayed, asked)
    assert [line["request_id"] for line in kept[1:]] == [answer.headers["x-request-id"] for answer in answers]
    assert kept[3]["details"] == {"payment_id": payment_id, "amount": cents(100)}, "and not why, which may name people"
    again = await refund(shop, payment_id, key="ticket-1", amount=cents(100), reason="Ada was unhappy")
    assert again.status_code == 201
    assert (await lines(shop))["data"] == kept

    story = (await shop.get(OPERATOR, f"/api/v1/admin/payments/{payment_id}/explain")).json()["story"]
    assert [line["done_by"] for line in story if "was put back by hand" in line["text"]] == [OPERATOR.account_id]
    await _pages(shop, [line["id"] for line in kept])


async def _pages(shop: Shop, newest_first: list[str]) -> None:
    rest = await lines(shop, f"limit=2&after={newest_first[0]}")
    assert ([line["id"] for line in rest["data"]], rest["knows_after"]) == (newest_first[1:3], True)
    foreign = await lines(shop, "after=aud_7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
    assert ([line["id"] for line in foreign["data"]], foreign["knows_after"]) == (newest_first, False)
    assert (await shop.http.get(DOOR, headers=headers_for(OPERATOR, "billing"))).status_code == 401


async def test_what_is_written_stays(shop: Shop) -> None:
    assert await reconcile(shop.billing, actor=COMMAND_LINE) is not None
    for statement in ("UPDATE audit SET action = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(DBAPIError, match="permission denied"):
            await shop.rows(statement)
