"""The balance is the sum of its transactions, becomes available by time, and leaves by payouts."""

import pytest
import stripe

from tests.integration.stripe_sandbox.conftest import Running, eventually, sdk_warning
from tests.integration.stripe_sandbox.test_disputes import control
from tests.integration.stripe_sandbox.test_refunds import advance, paid

pytestmark = sdk_warning

DAY = 24 * 3600


async def held(sandbox: Running) -> dict[str, tuple[int, int]]:
    """Currency -> available, pending."""
    balance = await sandbox.stripe.v1.balance.retrieve_async()
    pending = {each.currency: each.amount for each in balance.pending}
    return {each.currency: (each.amount, pending[each.currency]) for each in balance.available}


async def test_each_currency_has_its_own_balance_that_time_makes_available(sandbox: Running) -> None:
    assert await held(sandbox) == {"usd": (0, 0)}
    charge = await paid(sandbox)
    await paid(sandbox, amount=1000, currency="jpy")
    assert await held(sandbox) == {"jpy": (0, 941), "usd": (0, 455)}
    await sandbox.stripe.v1.refunds.create_async({"charge": charge.id, "amount": 200})
    assert await held(sandbox) == {"jpy": (0, 941), "usd": (0, 255)}
    await advance(sandbox, 2 * DAY)
    assert await held(sandbox) == {"jpy": (941, 0), "usd": (255, 0)}

    yen = await sandbox.stripe.v1.balance_transactions.list_async({"currency": "jpy", "type": "charge"})
    assert [(each.net, each.status) for each in yen.data] == [(941, "available")]
    of_charge = await sandbox.stripe.v1.balance_transactions.list_async({"source": charge.id})
    assert [each.amount for each in of_charge.data] == [500]


async def test_payout_takes_what_is_available_and_names_it(sandbox: Running) -> None:
    await paid(sandbox)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await sandbox.stripe.v1.payouts.create_async({"amount": 455, "currency": "usd"})
    assert refused.value.code == "balance_insufficient"
    await advance(sandbox, 2 * DAY)
    await paid(sandbox, amount=1000)
    payout = (await control(sandbox, "payouts")).json()
    assert (payout["amount"], payout["status"], payout["automatic"]) == (455, "pending", True)

    params = {"payout": payout["id"], "expand": ["data.source"]}
    named = await sandbox.stripe.v1.balance_transactions.list_async(params)  # type: ignore[arg-type]
    assert [(each.type, each.source.object) for each in named.data] == [("payout", "payout"), ("charge", "charge")]
    assert (await held(sandbox))["usd"] == (0, 941)
    await advance(sandbox, 3 * DAY)
    [found] = (await sandbox.stripe.v1.payouts.list_async({"status": "paid"})).data
    assert found.id == payout["id"]
    for told in ("payout.created", "payout.paid"):
        await eventually(lambda told=told: sandbox.received.of(told))
    part = await sandbox.stripe.v1.payouts.create_async({"amount": 100, "currency": "usd"})
    assert (part.automatic, await held(sandbox)) == (False, {"usd": (841, 0)})
