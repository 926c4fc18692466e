"""Payment methods: made, given to a customer and taken away. What a card does is kept beside the object."""

from dataclasses import asdict

from deploy.stripe_sandbox.domain import cards, payment_methods
from deploy.stripe_sandbox.domain.cards import Card, Decline
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.use_cases.customers import change_customer
from deploy.stripe_sandbox.use_cases.turn import Turn


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
    """The payment method of this id; one of Stripe's ready-made names makes a new one. A detached one is
    refused."""
    card = cards.ready_made(method_id, now=turn.now, salt=turn.salt)
    if card is not None:
        return create_method(turn, card, billing=payment_methods.billing_details(), cvc_checked=True)
    method = turn.referred("payment_method", method_id, param=param)
    if turn.store.objects.hidden(method_id).get("detached"):
        raise StripeError(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, "
            "shared with a connected account without Customer attachment, or was detached from a Customer. It may "
            "not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.",
            param=param,
        )
    return method


def method_for(turn: Turn, params: Json, *, customer_id: str | None, intent_name: str) -> Json | None:
    """The usable payment method that an intent's parameters name, its true id put into them.

    Raises for a customer that does not exist, and for a method of another customer or of one that the intent
    does not name. `intent_name` is Stripe's word for the object in the message.
    """
    if params.get("customer") is not None:
        turn.referred("customer", params["customer"], param="customer")
        customer_id = params["customer"]
    if "payment_method" not in params:
        return None
    method = usable_method(turn, params["payment_method"])
    owner = method["customer"]
    if owner is not None and customer_id is None:
        raise StripeError(
            f"The payment method {method['id']} belongs to the Customer {owner}. Please include the Customer in the "
            f"`customer` parameter on the {intent_name}.",
            param="payment_method",
        )
    if owner is not None and owner != customer_id:
        raise StripeError(
            "The provided PaymentMethod cannot be attached. It belongs to another customer.", param="payment_method"
        )
    params["payment_method"] = method["id"]
    return method


def attach_method(turn: Turn, method: Json, customer_id: str) -> Json | Decline:
    """The method in the customer's keeping, or the bank's refusal of it."""
    card = card_of(turn, method)
    if not card.attaches:
        return cards.decline_of(card.behaviour) or cards.GENERIC
    return keep_method(turn, method, customer_id)


def keep_method(turn: Turn, method: Json, customer_id: str) -> Json:
    """The method in the customer's keeping; the bank is not asked. Nothing happens where it is there."""
    if method["customer"] == customer_id:
        return method
    after = {**method, "customer": customer_id}
    turn.store.objects.save(after)
    turn.emit("payment_method.attached", after)
    return after


def keep_for_later(turn: Turn, method: Json, *, customer_id: str | None, usage: str | None) -> Json:
    """What a successful payment or setup with `usage` does to its method: it stays with the customer, and
    for `off_session` the bank has agreed to charges without one."""
    if usage is None:
        return method
    if usage == "off_session":
        turn.store.objects.hide(method["id"], set_up=True)
    return method if customer_id is None else keep_method(turn, method, customer_id)


def detach_method(turn: Turn, method: Json) -> Json:
    """The method without its customer, never to be used again; a customer's default goes with it."""
    owner = turn.store.objects.get("customer", method["customer"])
    after = {**method, "customer": None}
    turn.store.objects.save(after)
    turn.store.objects.hide(method["id"], detached=True)
    turn.emit("payment_method.detached", after, previous={"customer": method["customer"]})
    if owner is not None and owner.get("invoice_settings", {}).get("default_payment_method") == method["id"]:
        change_customer(turn, owner, {"invoice_settings": {"default_payment_method": None}})
    return after


def replace_default(turn: Turn, customer: Json, card: Card) -> Json:
    """The customer with this card as the default in place of the one before, which is detached.

    Without a default the newest saved card counts as one. No bank is asked: a card that would be refused is
    taken all the same, so that the next charge fails.
    """
    before = _default_of(turn, customer)
    billing = payment_methods.billing_details({"name": customer["name"], "email": customer["email"]})
    method = create_method(turn, card, billing=billing, cvc_checked=True)
    keep_method(turn, method, customer["id"])
    after = change_customer(turn, customer, {"invoice_settings": {"default_payment_method": method["id"]}})
    if before is not None:
        detach_method(turn, before)
    return after


def card_of(turn: Turn, method: Json) -> Card:
    return Card(**turn.store.objects.hidden(method["id"])["card"])


def is_set_up(turn: Turn, method: Json) -> bool:
    """Whether the bank has agreed to charges without the customer."""
    return bool(turn.store.objects.hidden(method["id"]).get("set_up"))


def _default_of(turn: Turn, customer: Json) -> Json | None:
    method_id = customer["invoice_settings"]["default_payment_method"]
    if method_id is not None:
        return turn.store.objects.get("payment_method", method_id)
    found, _ = turn.store.objects.page(Page(kind="payment_method", limit=1, equal={"customer": customer["id"]}))
    return found[0] if found else None
