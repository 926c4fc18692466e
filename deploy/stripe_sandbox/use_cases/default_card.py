"""A customer's new default card: invoices and subscriptions are charged by it from now on."""

from deploy.stripe_sandbox.domain import subscriptions
from deploy.stripe_sandbox.use_cases import standing
from deploy.stripe_sandbox.use_cases.customers import change_customer
from deploy.stripe_sandbox.use_cases.turn import Turn


def make_default(turn: Turn, customer_id: str, method_id: str) -> None:
    """Subscriptions with a card of their own get this one, too."""
    customer = turn.find("customer", customer_id)
    change_customer(turn, customer, {"invoice_settings": {"default_payment_method": method_id}})
    for subscription in turn.store.objects.with_value("subscription", "customer", customer_id):
        if subscription["default_payment_method"] and subscription["status"] not in subscriptions.ENDED:
            standing.change(turn, subscription, {**subscription, "default_payment_method": method_id})
