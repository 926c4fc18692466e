"""Refunds: money that goes back, what that does to the charge and the balance, and what may go wrong later."""

from deploy.stripe_sandbox.domain import charges, refunds
from deploy.stripe_sandbox.domain.balance_transactions import paid_out_on
from deploy.stripe_sandbox.domain.customers import previous_attributes
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.turn import Turn

SETTLE = "refund.settle"


def create_refund(turn: Turn, given: Json) -> Json:
    """A refund of the charge, or of the payment intent's; raises for what cannot be given back."""
    charge = _charge_to_refund(turn, given)
    refunds.check_captured(charge)
    amount = refunds.amount_to_refund(charge, given.get("amount"), disputed=_is_charged_back(turn, charge))
    behaviour = behaviour_of(turn, charge)
    refund = refunds.new_refund(
        turn.new_id("refund"), charge=charge, amount_minor=amount, given=given, behaviour=behaviour, now=turn.now
    )
    refund = _withdraw(turn, refund, charge)
    if refunds.outcome_of(behaviour) is not None:
        turn.store.timers.add(SETTLE, refund["id"], at=turn.now + refunds.SETTLES_AFTER_SECONDS)
    after = charges.refunded(charge, amount)
    if given.get("reason") == "fraudulent":
        after = {**after, "fraud_details": {"user_report": "fraudulent"}}
    turn.store.objects.save(after)
    turn.emit("refund.created", refund)
    turn.emit("charge.refunded", after, previous=previous_attributes(charge, after))
    return refund


def change_refund(turn: Turn, refund: Json, given: Json) -> Json:
    """Only metadata can be changed."""
    after = {**refund, "metadata": merged(refund["metadata"], given.get("metadata"))}
    if after != refund:
        turn.store.objects.save(after)
        _say_updated(turn, refund, after)
    return after


def settle(turn: Turn, refund_id: str) -> None:
    """What the card's number says becomes of its refund, once; nothing if a control was faster."""
    refund = turn.find("refund", refund_id)
    outcome = refunds.outcome_of(behaviour_of(turn, turn.find("charge", refund["charge"])))
    if outcome == refunds.SUCCEEDED and refund["status"] == refunds.PENDING:
        succeed(turn, refund)
    elif outcome == refunds.FAILED and refund["status"] != refunds.FAILED:
        fail(turn, refund, reason="expired_or_canceled_card")


def succeed(turn: Turn, refund: Json) -> Json:
    after = refunds.succeeded(refund)
    turn.store.objects.save(after)
    _say_updated(turn, refund, after)
    return after


def fail(turn: Turn, refund: Json, *, reason: str) -> Json:
    """The money is back in the balance, and the charge is refunded by so much less."""
    charge = turn.find("charge", refund["charge"])
    transaction = refunds.new_return(
        turn.new_id("balance_transaction"),
        refund=refund,
        description=charge["description"],
        now=turn.now,
    )
    after = refunds.failed(refund, reason=reason, transaction_id=transaction["id"])
    turn.store.objects.insert(transaction)
    turn.store.objects.save(after)
    turn.store.objects.save(charges.refunded(charge, -refund["amount"]))
    turn.emit("refund.failed", after)
    _say_updated(turn, refund, after)
    return after


def behaviour_of(turn: Turn, charge: Json) -> str:
    """What the card that paid the charge does later."""
    method = turn.store.objects.hidden(charge["payment_method"])
    return str(method["card"]["behaviour"])


def available_with(turn: Turn, charge: Json) -> int:
    """Money that leaves for a charge comes out of that charge's own, as long as that is pending."""
    if charge["balance_transaction"] is None:
        return paid_out_on(turn.now)
    taken: int = turn.find("balance_transaction", charge["balance_transaction"])["available_on"]
    return max(taken, turn.now)


def _charge_to_refund(turn: Turn, given: Json) -> Json:
    if "charge" not in given and "payment_intent" not in given:
        raise StripeError(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    if "payment_intent" not in given:
        return turn.referred("charge", given["charge"], param="charge")
    intent = turn.referred("payment_intent", given["payment_intent"], param="payment_intent")
    if intent["latest_charge"] is None:
        raise refunds.no_successful_charge(intent["id"])
    if given.get("charge", intent["latest_charge"]) != intent["latest_charge"]:
        raise StripeError(f"Charge {given['charge']} is not of PaymentIntent {intent['id']}.", param="charge")
    return turn.find("charge", intent["latest_charge"])


def _is_charged_back(turn: Turn, charge: Json) -> bool:
    disputes = turn.store.objects.with_value("dispute", "charge", charge["id"]) if charge["disputed"] else []
    return any(not dispute["is_charge_refundable"] for dispute in disputes)


def _withdraw(turn: Turn, refund: Json, charge: Json) -> Json:
    """The refund with the balance transaction that pays for it; both are kept."""
    transaction = refunds.new_withdrawal(
        turn.new_id("balance_transaction"),
        refund=refund,
        description=charge["description"],
        available_on=available_with(turn, charge),
        now=turn.now,
    )
    after = {**refund, "balance_transaction": transaction["id"]}
    turn.store.objects.insert(transaction)
    turn.store.objects.insert(after)
    return after


def _say_updated(turn: Turn, before: Json, after: Json) -> None:
    """A change of a charge's refund is told under both names."""
    previous = previous_attributes(before, after)
    turn.emit("refund.updated", after, previous=previous)
    turn.emit("charge.refund.updated", after, previous=previous)
