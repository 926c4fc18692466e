"""The end of payments whose money was on its way: it came, or it did not."""

from deploy.stripe_sandbox.domain import delayed_charges, payment_intents
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import payment_methods, payments
from deploy.stripe_sandbox.use_cases.turn import Turn


def money_came(turn: Turn, intent: Json) -> payments.Attempt:
    """Ends the wait of an intent that is processing."""
    made, method = _under_way(turn, intent)
    after = payment_intents.paid(intent, charge_id=made["id"], method_id=method["id"])
    payment_methods.keep_for_later(turn, method, customer_id=intent["customer"], usage=intent["setup_future_usage"])
    made = delayed_charges.arrived(made)
    turn.store.objects.save(made)
    return payments.ended(turn, payments.Attempt(after, made), "succeeded", "succeeded")


def money_failed(turn: Turn, intent: Json) -> payments.Attempt:
    made, method = _under_way(turn, intent)
    decline = delayed_charges.BOUNCED
    after = payment_intents.declined(intent, charge_id=made["id"], method=method, decline=decline)
    made = delayed_charges.bounced(made)
    turn.store.objects.save(made)
    return payments.ended(turn, payments.Attempt(after, made, decline), "failed", "payment_failed")


def _under_way(turn: Turn, intent: Json) -> tuple[Json, Json]:
    """The pending charge of an intent that is processing, and its method."""
    assert intent["status"] == payment_intents.PROCESSING, "only an intent that is processing awaits money"
    return turn.find("charge", intent["latest_charge"]), turn.find("payment_method", intent["payment_method"])
