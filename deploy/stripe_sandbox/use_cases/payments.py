"""Taking money: payment methods, payment intents, charges and their balance transactions."""

from dataclasses import asdict, dataclass

from deploy.stripe_sandbox.domain import cards, charges, payment_intents, payment_methods
from deploy.stripe_sandbox.domain.cards import Card, Decline
from deploy.stripe_sandbox.domain.customers import previous_attributes
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.turn import Turn, random_letters


@dataclass(frozen=True)
class Attempt:
    """A try to take an intent's money: how all stands after it, and why it failed if it did."""

    intent: Json
    charge: Json
    decline: Decline | None


def create_intent(turn: Turn, *, amount_minor: int, currency: str, given: Json, automatic_methods: bool = True) -> Json:
    intent = payment_intents.new_intent(
        turn.new_id("payment_intent"),
        secret=random_letters(25),
        amount_minor=amount_minor,
        currency=currency,
        given=given,
        automatic_methods=automatic_methods,
        now=turn.now,
    )
    turn.store.objects.insert(intent)
    turn.emit("payment_intent.created", intent)
    return intent


def create_method(
    turn: Turn, card: Card, *, billing: Json, metadata: dict[str, str] | None = None, cvc_checked: bool
) -> Json:
    method = payment_methods.new_payment_method(
        turn.new_id("payment_method"),
        card=card,
        billing=billing,
        metadata=metadata,
        cvc_checked=cvc_checked,
        now=turn.now,
    )
    turn.store.objects.insert(method, hidden={"card": asdict(card)})
    return method


def usable_method(turn: Turn, method_id: str, *, param: str = "payment_method") -> Json:
    """The payment method of this id; one of Stripe's ready-made names makes a new one."""
    card = cards.ready_made(method_id, now=turn.now, salt=turn.salt)
    if card is not None:
        return create_method(turn, card, billing=payment_methods.billing_details(), cvc_checked=True)
    return turn.referred("payment_method", method_id, param=param)


def attach_method(turn: Turn, method: Json, customer_id: str) -> Json | Decline:
    """The method in the customer's keeping, or the bank's refusal of it."""
    card = card_of(turn, method)
    if not card.attaches:
        return cards.decline_of(card.behaviour) or cards.GENERIC
    if method["customer"] == customer_id:
        return method
    after = {**method, "customer": customer_id}
    turn.store.objects.save(after)
    turn.emit("payment_method.attached", after)
    return after


def card_of(turn: Turn, method: Json) -> Card:
    return Card(**turn.store.objects.hidden(method["id"])["card"])


def attempt(turn: Turn, intent: Json, method: Json) -> Attempt:
    """Charges the intent's amount once; a decline is a result, and stays. Emits the charge's and intent's
    events."""
    payment_intents.check_confirmable(intent)
    card = card_of(turn, method)
    decline = cards.decline_of(card.behaviour)
    charge_id = turn.new_id("charge")
    charge = charges.new_charge(
        charge_id,
        intent=intent,
        method=method,
        card=card,
        decline=decline,
        receipt_url=f"{turn.public_url}/receipts/{charge_id}",
        authorization=random_letters(6),
        now=turn.now,
    )
    turn.store.objects.insert(charge)
    if decline is None:
        after = payment_intents.paid(intent, charge_id=charge_id, method_id=method["id"])
    else:
        after = payment_intents.declined(intent, charge_id=charge_id, method=method, decline=decline)
    turn.store.objects.save(after)
    turn.emit("charge.succeeded" if decline is None else "charge.failed", charge)
    turn.emit("payment_intent.succeeded" if decline is None else "payment_intent.payment_failed", after)
    return Attempt(after, charge, decline)


def settle(turn: Turn, charge: Json) -> Json:
    """Books a succeeded charge in Stripe's balance; Stripe does so a moment after the payment, and says
    so."""
    transaction = charges.new_balance_transaction(turn.new_id("balance_transaction"), charge=charge, now=turn.now)
    turn.store.objects.insert(transaction)
    after = {**charge, "balance_transaction": transaction["id"]}
    turn.store.objects.save(after)
    turn.emit("charge.updated", after, previous=previous_attributes(charge, after))
    return after


def confirm(turn: Turn, intent: Json, method: Json) -> Attempt:
    """An attempt asked for over the API."""
    result = attempt(turn, intent, method)
    if result.decline is None:
        settle(turn, result.charge)
    return result


def cancel_intent(turn: Turn, intent: Json, *, reason: str | None) -> Json:
    after = payment_intents.canceled(intent, reason=reason, now=turn.now)
    turn.store.objects.save(after)
    turn.emit("payment_intent.canceled", after)
    return after


def card_error(decline: Decline, **extra: object) -> Json:
    """Stripe's 402 body for a decline; `extra` are the charge's id, the intent, the method."""
    return {"error": {**cards.decline_fields(decline), **extra}}
