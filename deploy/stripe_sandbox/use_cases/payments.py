"""Taking money: payment intents, charges and their balance transactions.

An attempt ends in one of four ways: paid, declined, processing (the money comes later), or waiting for the
customer at the bank's page (`requires_action`).
"""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain import authentication, cards, charges, delayed_charges, payment_intents
from deploy.stripe_sandbox.domain.cards import Card, Decline
from deploy.stripe_sandbox.domain.customers import previous_attributes
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import payment_methods
from deploy.stripe_sandbox.use_cases.disputes import dispute_as_card_says
from deploy.stripe_sandbox.use_cases.turn import Turn, random_letters


@dataclass(frozen=True)
class Attempt:
    """A try to take an intent's money: how all stands after it, and why it failed if it did.

    There is no charge while the bank waits for the customer, nor where it never was asked for money.
    """

    intent: Json
    charge: Json | None = None
    decline: Decline | None = None


@dataclass(frozen=True)
class Confirmation:
    """How the caller wants an intent confirmed; `return_url` is where the bank's page ends."""

    off_session: bool = False
    error_on_requires_action: bool = False
    return_url: str | None = None


def create_intent(turn: Turn, *, amount_minor: int, currency: str, given: Json, automatic: bool = True) -> Json:
    intent = payment_intents.new_intent(
        turn.new_id("payment_intent"),
        secret=random_letters(25),
        amount_minor=amount_minor,
        currency=currency,
        given=given,
        automatic=automatic,
        now=turn.now,
    )
    turn.store.objects.insert(intent)
    turn.emit("payment_intent.created", intent)
    return intent


def confirm(turn: Turn, intent: Json, method: Json, asked: Confirmation) -> Attempt:
    """An attempt asked for over the API; what it brings is booked at once."""
    payment_intents.check_confirmable(intent)
    card = payment_methods.card_of(turn, method)
    if asked.off_session:
        if cards.refuses_off_session(card, set_up=payment_methods.is_set_up(turn, method)):
            return charge(turn, intent, method, refusal=cards.AUTHENTICATION_REQUIRED)
    elif cards.asks_when_present(card):
        if asked.error_on_requires_action:
            return _refused(turn, intent, method, authentication.NOT_HANDLED)
        return ask_customer(turn, intent, method, return_url=asked.return_url)
    return booked(turn, charge(turn, intent, method))


def ask_customer(turn: Turn, intent: Json, method: Json, *, return_url: str | None) -> Attempt:
    """Sends the customer to the bank's page; nothing is charged before it says yes."""
    page = authentication.page_address(turn.public_url, intent["id"])
    action = authentication.next_action(page, return_url)
    after = payment_intents.asked_to_act(intent, method_id=method["id"], action=action)
    turn.store.objects.save(after)
    turn.store.objects.hide(intent["id"], return_url=return_url)
    turn.emit("payment_intent.requires_action", after)
    return Attempt(after)


def authentication_failed(turn: Turn, intent: Json, method: Json) -> Attempt:
    return _refused(turn, intent, method, authentication.PAYMENT_FAILED)


def charge(
    turn: Turn, intent: Json, method: Json, *, authenticated: bool = False, refusal: Decline | None = None
) -> Attempt:
    """Charges the intent's amount once; a decline is a result, and stays.

    `refusal` is the bank's whatever the card does otherwise. Emits the charge's and the intent's events; the
    method stays with the customer where the intent asks for that. Not booked yet (`booked`).
    """
    payment_intents.check_confirmable(intent)
    card = payment_methods.card_of(turn, method)
    decline = refusal or cards.decline_of(card.behaviour)
    made = _new_charge(turn, intent, method, card, decline=decline, authenticated=authenticated)
    turn.store.objects.insert(made)
    if decline is not None:
        after = payment_intents.declined(intent, charge_id=made["id"], method=method, decline=decline)
        return ended(turn, Attempt(after, made, decline), "failed", "payment_failed")
    if made["status"] == "pending":
        after = payment_intents.processing(intent, charge_id=made["id"], method_id=method["id"])
        return ended(turn, Attempt(after, made), "pending", "processing")
    payment_methods.keep_for_later(turn, method, customer_id=intent["customer"], usage=intent["setup_future_usage"])
    after = payment_intents.paid(intent, charge_id=made["id"], method_id=method["id"])
    return ended(turn, Attempt(after, made), "succeeded", "succeeded")


def booked(turn: Turn, attempt: Attempt) -> Attempt:
    """The attempt once what it brought stands in Stripe's balance; nothing to do where it brought nothing."""
    if attempt.charge is None or attempt.charge["status"] != "succeeded":
        return attempt
    return Attempt(attempt.intent, settle(turn, attempt.charge))


def settle(turn: Turn, charge: Json) -> Json:
    """Books a succeeded charge in Stripe's balance; Stripe does so a moment after the payment, and says
    so."""
    transaction = charges.new_balance_transaction(turn.new_id("balance_transaction"), charge=charge, now=turn.now)
    turn.store.objects.insert(transaction)
    after = {**charge, "balance_transaction": transaction["id"]}
    turn.store.objects.save(after)
    turn.emit("charge.updated", after, previous=previous_attributes(charge, after))
    return dispute_as_card_says(turn, after)


def ended(turn: Turn, attempt: Attempt, charge_news: str, intent_news: str) -> Attempt:
    """Keeps how an attempt that reached the bank ended, and tells of the charge and of the intent."""
    assert attempt.charge is not None, "an attempt that reached the bank has a charge"
    turn.store.objects.save(attempt.intent)
    turn.emit(f"charge.{charge_news}", attempt.charge)
    turn.emit(f"payment_intent.{intent_news}", attempt.intent)
    return attempt


def cancel_intent(turn: Turn, intent: Json, *, reason: str | None) -> Json:
    after = payment_intents.canceled(intent, reason=reason, now=turn.now)
    turn.store.objects.save(after)
    turn.emit("payment_intent.canceled", after)
    return after


def card_error(decline: Decline, **extra: object) -> Json:
    """Stripe's 402 body for a decline; `extra` are the charge's id, the intent, the method."""
    return {"error": {**cards.decline_fields(decline), **extra}}


def _new_charge(
    turn: Turn, intent: Json, method: Json, card: Card, *, decline: Decline | None, authenticated: bool
) -> Json:
    charge_id = turn.new_id("charge")
    made = charges.new_charge(
        charge_id,
        intent=intent,
        method=method,
        card=card,
        decline=decline,
        receipt_url=f"{turn.public_url}/receipts/{charge_id}",
        authorization=random_letters(6),
        now=turn.now,
    )
    if authenticated:
        said = authentication.charged_three_d_secure(random_letters(24))
        made["payment_method_details"]["card"]["three_d_secure"] = said
    if decline is None and card.behaviour == cards.PAYS_LATER:
        return delayed_charges.pending(made)
    return made


def _refused(turn: Turn, intent: Json, method: Json, decline: Decline) -> Attempt:
    """Refused before any money was asked for: there is no charge."""
    after = payment_intents.declined(intent, charge_id=None, method=method, decline=decline)
    turn.store.objects.save(after)
    turn.emit("payment_intent.payment_failed", after)
    return Attempt(after, decline=decline)
