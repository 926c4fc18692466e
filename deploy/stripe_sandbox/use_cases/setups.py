"""Setup intents: a card saved for later, with 3-D Secure where the bank asks for it."""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain import authentication, cards, setup_attempts, setup_intents
from deploy.stripe_sandbox.domain.cards import Decline
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import payment_methods
from deploy.stripe_sandbox.use_cases.default_card import make_default
from deploy.stripe_sandbox.use_cases.turn import Turn, random_letters


@dataclass(frozen=True)
class SetupAttempt:
    """A try to set a card up: how the setup intent stands after it, and why it failed if it did."""

    setup: Json
    decline: Decline | None = None


def create_setup(turn: Turn, given: Json, *, automatic: bool = True) -> Json:
    setup = setup_intents.new_setup(
        turn.new_id("setup_intent"), secret=random_letters(25), given=given, automatic=automatic, now=turn.now
    )
    turn.store.objects.insert(setup)
    turn.emit("setup_intent.created", setup)
    return setup


def confirm(turn: Turn, setup: Json, method: Json, *, return_url: str | None) -> SetupAttempt:
    """Sets the card up, or sends the customer to the bank first; `return_url` is where the bank's page ends."""
    setup_intents.check_confirmable(setup)
    card = payment_methods.card_of(turn, method)
    setup, attempt = _tried(turn, setup, method)
    if not card.attaches:
        return _refused(turn, setup, method, attempt, cards.decline_of(card.behaviour) or cards.GENERIC)
    if not cards.asks_on_setup(card):
        turn.store.objects.save({**attempt, "status": setup_attempts.SUCCEEDED})
        return _succeeded(turn, setup, method)
    page = authentication.page_address(turn.public_url, setup["id"])
    action = authentication.next_action(page, return_url)
    after = setup_intents.asked_to_act(setup, method_id=method["id"], action=action)
    turn.store.objects.save(after)
    turn.store.objects.hide(setup["id"], return_url=return_url)
    turn.emit("setup_intent.requires_action", after)
    return SetupAttempt(after)


def authenticated(turn: Turn, setup: Json, method: Json, outcome: str) -> SetupAttempt:
    """What the bank's page said of a setup intent that waits for it."""
    attempt = turn.find("setup_attempt", setup["latest_attempt"])
    if outcome != authentication.COMPLETE:
        return _refused(turn, setup, method, attempt, authentication.SETUP_FAILED)
    turn.store.objects.save(setup_attempts.authenticated(attempt, random_letters(24)))
    return _succeeded(turn, setup, method)


def cancel(turn: Turn, setup: Json, *, reason: str | None) -> Json:
    after = setup_intents.canceled(setup, reason=reason)
    turn.store.objects.save(after)
    turn.emit("setup_intent.canceled", after)
    return after


def _tried(turn: Turn, setup: Json, method: Json) -> tuple[Json, Json]:
    """The setup intent with a new attempt, and the attempt, which waits until its end is known."""
    attempt = setup_attempts.new_attempt(
        turn.new_id("setup_attempt"),
        setup=setup,
        method=method,
        status=setup_attempts.REQUIRES_ACTION,
        now=turn.now,
    )
    turn.store.objects.insert(attempt)
    return {**setup, "latest_attempt": attempt["id"]}, attempt


def _succeeded(turn: Turn, setup: Json, method: Json) -> SetupAttempt:
    payment_methods.keep_for_later(turn, method, customer_id=setup["customer"], usage=setup["usage"])
    after = setup_intents.succeeded(setup, method_id=method["id"])
    turn.store.objects.save(after)
    turn.emit("setup_intent.succeeded", after)
    if turn.store.objects.hidden(setup["id"]).get("becomes_default"):
        make_default(turn, setup["customer"], method["id"])
    return SetupAttempt(after)


def _refused(turn: Turn, setup: Json, method: Json, attempt: Json, decline: Decline) -> SetupAttempt:
    turn.store.objects.save(setup_attempts.failed(attempt, method=method, decline=decline))
    after = setup_intents.refused(setup, method=method, decline=decline)
    turn.store.objects.save(after)
    turn.emit("setup_intent.setup_failed", after)
    return SetupAttempt(after, decline)
