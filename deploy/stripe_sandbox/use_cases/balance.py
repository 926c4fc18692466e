"""The balance and the payouts that empty it."""

from deploy.stripe_sandbox.domain import balance
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.turn import Turn

ARRIVE = "payout.arrive"
BANK_NOTE = "bank_account"


def balance_now(turn: Turn) -> Json:
    held = turn.store.ledger.holdings(now=turn.now)
    return balance.balance([(each.currency, each.available_minor, each.pending_minor) for each in held])


def pay_out(turn: Turn, *, amount_minor: int, currency: str, given: Json) -> Json:
    """A payout that was asked for; raises where not so much is available."""
    balance.check_covered(amount_minor, _available(turn, currency))
    return _pay_out(turn, amount_minor, currency, given, automatic=False)


def pay_out_all(turn: Turn, *, currency: str) -> Json:
    """The payout of a payout day: all that is available, and it names every transaction that it pays."""
    amount = _available(turn, currency)
    if amount < 1:
        raise StripeError(f"There is nothing in {currency} to pay out.", code="balance_insufficient")
    return _pay_out(turn, amount, currency, {}, automatic=True)


def arrive(turn: Turn, payout_id: str) -> None:
    """The money is at the bank."""
    payout = turn.find("payout", payout_id)
    if payout["status"] == balance.PAID:
        return
    after = balance.arrived(payout)
    turn.store.objects.save(after)
    turn.emit("payout.paid", after)


def _pay_out(turn: Turn, amount_minor: int, currency: str, given: Json, *, automatic: bool) -> Json:
    payout = balance.new_payout(
        turn.new_id("payout"),
        amount_minor=amount_minor,
        currency=currency,
        destination=_bank_account(turn),
        given=given,
        automatic=automatic,
        now=turn.now,
    )
    transaction = balance.new_transfer(turn.new_id("balance_transaction"), payout=payout, now=turn.now)
    after = {**payout, "balance_transaction": transaction["id"]}
    turn.store.objects.insert(transaction)
    turn.store.objects.insert(after)
    if automatic:
        turn.store.ledger.mark_paid_out(after, now=turn.now)
    turn.store.timers.add(ARRIVE, after["id"], at=after["arrival_date"])
    turn.emit("payout.created", after)
    return after


def _available(turn: Turn, currency: str) -> int:
    held = turn.store.ledger.holdings(now=turn.now)
    return next((each.available_minor for each in held if each.currency == currency), 0)


def _bank_account(turn: Turn) -> str:
    """The one account that this sandbox pays out to."""
    known = turn.store.note(BANK_NOTE)
    if known is None:
        known = turn.new_id("bank_account")
        turn.store.set_note(BANK_NOTE, known)
    return known
