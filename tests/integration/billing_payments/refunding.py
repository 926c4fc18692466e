"""What the tests of refunds ask for, and look at."""

from datetime import UTC, datetime
from typing import Any

import httpx

from services.billing.domain.ledger.items import Call, Charge, Verdict
from shared.ids import new_uuid
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import OPERATOR, SECRET_KEY, Shop
from tests.support.http import eventually
from tests.support.keys import headers_for

REFUND_FAILS = "4000000000005126"


async def bought(shop: Shop, buyer: Caller, credits: int = 5_000, *, card: str | None = None) -> str:
    """A payment whose credits are there; its id."""
    before = await shop.balance(buyer.account_id)
    body = (await shop.checkout(buyer, credits)).json()
    paid = await (shop.pay(body["checkout_url"], card) if card else shop.pay(body["checkout_url"]))
    assert paid.status_code == 303, paid.text
    await shop.wallet_becomes(buyer.account_id, before + credits * 1_000)
    payment_id: str = body["payment_id"]
    return payment_id


async def refund(
    shop: Shop, payment_id: str, *, key: str | None = None, caller: Caller = OPERATOR, **body: Any
) -> httpx.Response:
    """`refund(shop, payment_id, amount=cents(100), reason="...")`."""
    headers = headers_for(caller, "billing") | ({"idempotency-key": key} if key else {})
    return await shop.http.post(f"/api/v1/payments/{payment_id}/refund", json=body, headers=headers)


def cents(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "usd"}


async def at_stripe(shop: Shop, method: str, path: str, **form: Any) -> dict[str, Any]:
    """What the sandbox's API answers, as somebody else with the same key sees it (the dashboard)."""
    url, headers = f"{shop.sandbox_url}/v1/{path}", {"authorization": f"Bearer {SECRET_KEY}"}
    answer = await shop.http.request(method, url, data=form or None, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def intent_of(shop: Shop, payment_id: str) -> str:
    [row] = await shop.rows("SELECT intent_id FROM payments WHERE id = $1", payment_id)
    intent_id: str = row.intent_id
    return intent_id


async def refunds_at_stripe(shop: Shop, payment_id: str) -> list[dict[str, Any]]:
    listed = await at_stripe(shop, "GET", f"refunds?payment_intent={await intent_of(shop, payment_id)}")
    found: list[dict[str, Any]] = listed["data"]
    return found


async def settled_as(shop: Shop, payment_id: str, status: str, refunded_minor: int) -> None:
    """Wait until the payment is that."""

    async def there() -> bool:
        [row] = await shop.rows("SELECT status, refunded_minor FROM payments WHERE id = $1", payment_id)
        return (row.status, row.refunded_minor) == (status, refunded_minor)

    await eventually(there)


async def spend(shop: Shop, account_id: str, millicredits: int) -> Verdict:
    """A paid call's charge."""
    call = Call(request_id=_fresh(), route="echo", key_id="key_1", price_version=1)
    [result] = await shop.billing.poster.post([Charge(_fresh(), account_id, millicredits, call)])
    return result.verdict


async def credits_agree_with_money(shop: Shop) -> None:
    """Where the two sub-books meet, nothing is left of what refunds did; and what they took is exact."""
    uneven = await shop.rows(
        "SELECT payment_id FROM refunds JOIN payments ON payments.id = payment_id GROUP BY payment_id, millicredits,"
        " refunded_minor, payments.amount_minor HAVING sum(taken_millicredits - returned_millicredits)"
        " <> millicredits * refunded_minor / payments.amount_minor"
    )
    assert uneven == []
    [row] = await shop.rows(
        "SELECT (SELECT coalesce(sum(amount), 0) FROM entries WHERE ledger_account = 'refunds')"
        " - (SELECT coalesce(sum(micros), 0) FROM money_entries WHERE ledger_account = 'refunds') AS apart"
    )
    assert row.apart == 0


def _fresh() -> Any:
    return new_uuid(at=datetime.now(UTC))
