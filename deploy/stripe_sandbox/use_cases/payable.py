"""Invoices of subscriptions that are due at once: one attempt, and what a caller wants of one that fails."""

from deploy.stripe_sandbox.domain import invoices
from deploy.stripe_sandbox.domain.cards import Decline
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import invoicing
from deploy.stripe_sandbox.use_cases.turn import Turn

DEFAULT_INCOMPLETE = "default_incomplete"
ERROR_IF_INCOMPLETE = "error_if_incomplete"


def settle(turn: Turn, invoice: Json, given: Json) -> None:
    """One attempt to charge an invoice that is due now."""
    if invoice["status"] != invoices.OPEN or given.get("payment_behavior") == DEFAULT_INCOMPLETE:
        return
    method = invoicing.default_method(turn, invoice)
    if method is None:
        invoicing.collect_by_itself(turn, invoice)
        check_complete(given, None, waits=True)
        return
    attempt = invoicing.collect(turn, invoice, method, automatic=True)
    check_complete(given, attempt.decline, waits=attempt.intent["status"] == "requires_action")


def check_complete(given: Json, decline: Decline | None, *, waits: bool) -> None:
    """Raises where the caller wants all or nothing."""
    if given.get("payment_behavior") != ERROR_IF_INCOMPLETE:
        return
    if decline is not None:
        raise StripeError(decline.message, status=402, kind=decline.kind, code=decline.code, param=decline.param)
    if waits:
        raise StripeError(
            "Payment for this subscription requires additional user action before it can be completed successfully.",
            status=402,
            kind="card_error",
            code="subscription_payment_intent_requires_action",
        )


def void_first_invoice(turn: Turn, subscription: Json) -> None:
    invoice = turn.find("invoice", subscription["latest_invoice"])
    if invoice["status"] == invoices.OPEN:
        invoicing.void(turn, invoice)
