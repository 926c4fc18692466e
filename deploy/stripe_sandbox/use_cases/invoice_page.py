"""What an invoice's own page does: one try to pay it by a card that the customer types in."""

from deploy.stripe_sandbox.domain import cards, invoices, payment_methods
from deploy.stripe_sandbox.domain.cards import CardDetails, Decline
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import invoicing, payments
from deploy.stripe_sandbox.use_cases import payment_methods as methods
from deploy.stripe_sandbox.use_cases.turn import Turn


def shown(turn: Turn, invoice_id: str) -> Json | None:
    """None for a draft, too: nobody is to see one."""
    invoice = turn.store.objects.get("invoice", invoice_id)
    return None if invoice is None or invoice["status"] == invoices.DRAFT else invoice


def pay(turn: Turn, invoice: Json, details: CardDetails, *, cardholder: str | None) -> Decline | Json | None:
    """The intent after the try, or why it was refused; None where nothing is to be paid (any more)."""
    if invoice["status"] not in (invoices.OPEN, invoices.UNCOLLECTIBLE):
        return None
    card = cards.read_card(details, now=turn.now, salt=turn.salt)
    if isinstance(card, Decline):
        return card
    billing = payment_methods.billing_details({"name": cardholder, "email": invoice["customer_email"]})
    method = methods.create_method(turn, card, billing=billing, cvc_checked=True)
    intent = invoicing.intent_of(turn, invoice)
    if cards.asks_when_present(card):
        address = invoice["hosted_invoice_url"]
        return payments.ask_customer(turn, intent, method, return_url=address).intent
    tried = payments.charge(turn, intent, method)
    invoicing.follow(turn, tried)
    payments.booked(turn, tried)
    return tried.decline or tried.intent
