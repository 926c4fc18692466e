"""Invoices of subscriptions: drawn up, finalized, paid or not, and what that does to the subscription.

An open invoice with something due has one payment intent, by way of its invoice payment; who pays the intent by
another way (the bank's page, the intent's own confirmation) pays the invoice (`follow`).
"""

from deploy.stripe_sandbox.domain import cards, invoice_lines, invoices, subscriptions
from deploy.stripe_sandbox.domain.cards import Decline
from deploy.stripe_sandbox.domain.customers import previous_attributes
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import payment_methods, payments, standing
from deploy.stripe_sandbox.use_cases.customers import change_customer
from deploy.stripe_sandbox.use_cases.payments import Attempt
from deploy.stripe_sandbox.use_cases.turn import Turn

# A draft becomes final; an open invoice is tried again.
FINALIZE = "invoice.finalize"
RETRY = "invoice.retry"

_PURPOSE = {invoices.CREATE: "Subscription creation"}


def draw_up(
    turn: Turn, invoice_id: str, subscription: Json, lines: list[Json], *, reason: str, period: tuple[int, int],
    auto_advance: bool = True,
) -> Json:  # fmt: skip
    """A draft with these lines and those of the subscription's waiting invoice items."""
    waiting = pending_items(turn, subscription["id"])
    lines = [*(_line_of(turn, item, invoice_id) for item in waiting), *lines]
    customer = turn.find("customer", subscription["customer"])
    invoice = invoices.new_invoice(
        invoice_id,
        subscription=subscription,
        customer=customer,
        lines=lines,
        reason=reason,
        period=period,
        auto_advance=auto_advance,
        now=turn.now,
    )
    turn.store.objects.insert(invoice)
    for item in waiting:
        turn.store.objects.save({**item, "invoice": invoice_id})
    turn.emit("invoice.created", invoice)
    return invoice


def period_lines(turn: Turn, invoice_id: str, items: list[Json], *, trial: bool = False) -> list[Json]:
    """What the items cost for the period that they are in."""
    return [
        invoice_lines.period_line(
            turn.new_id("line_item"),
            item,
            invoice_id=invoice_id,
            product_name=product_name(turn, item["price"]),
            trial=trial,
        )
        for item in items
    ]


def pending_items(turn: Turn, subscription_id: str) -> list[Json]:
    """Invoice items that wait for the subscription's next invoice, the oldest first."""
    path = "parent.subscription_details.subscription"
    found = turn.store.objects.with_value("invoiceitem", path, subscription_id)
    return [item for item in found if item["invoice"] is None]


def product_name(turn: Turn, price: Json) -> str:
    product = turn.store.objects.get("product", price["product"])
    return str(product["name"]) if product and "name" in product else "Subscription"


def finalize(turn: Turn, invoice: Json) -> Json:
    """Open, with a number and an intent to pay; paid at once where nothing is due."""
    customer = turn.find("customer", invoice["customer"])
    after = invoices.finalized(
        invoice,
        number=f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04}",
        balance_minor=customer["balance"],
        url=f"{turn.public_url}/i/{invoice['id']}",
        now=turn.now,
    )
    sequence = customer["next_invoice_sequence"] + 1
    customer = {**customer, "next_invoice_sequence": sequence, "currency": customer["currency"] or invoice["currency"]}
    turn.store.objects.save(customer)
    change_customer(turn, customer, {"balance": after["ending_balance"]})
    turn.store.objects.save(after)
    turn.emit("invoice.finalized", after)
    if after["amount_due"] == 0:
        return _paid(turn, after, attempts=0)
    _make_payment(turn, after)
    return after


def collect(
    turn: Turn, invoice: Json, method: Json, *, automatic: bool = False, return_url: str | None = None
) -> Attempt:
    """One attempt to charge what is due; the bank may ask for the customer instead, then the intent waits.

    `automatic` attempts are counted and followed by others; one by hand is not.
    """
    invoices.check_payable(invoice)
    intent = intent_of(turn, invoice)
    card = payment_methods.card_of(turn, method)
    if cards.refuses_off_session(card, set_up=payment_methods.is_set_up(turn, method)):
        attempt = payments.ask_customer(turn, intent, method, return_url=return_url)
    else:
        attempt = payments.charge(turn, intent, method)
    follow(turn, attempt, automatic=automatic)
    return payments.booked(turn, attempt)


def collect_by_itself(turn: Turn, invoice: Json) -> None:
    """An automatic attempt with the default card; that there is none counts as a failure."""
    method = default_method(turn, invoice)
    if method is None:
        _failed(turn, invoice, automatic=True, wants_action=False)
    else:
        collect(turn, invoice, method, automatic=True)


def follow(turn: Turn, attempt: Attempt, *, automatic: bool = False) -> None:
    """What an attempt at an intent did to the intent's invoice; nothing for an intent of another matter."""
    invoice_id = turn.store.objects.hidden(attempt.intent["id"]).get("invoice")
    if invoice_id is None:
        return
    invoice = turn.find("invoice", invoice_id)
    if invoice["status"] not in (invoices.OPEN, invoices.UNCOLLECTIBLE):
        return
    status = attempt.intent["status"]
    if status == "succeeded":
        _keep_card(turn, invoice, attempt.intent["payment_method"])
        _paid(turn, invoice, attempts=1 if automatic or invoice["attempt_count"] == 0 else 0)
    elif status != "processing":
        _failed(turn, invoice, automatic=automatic, wants_action=status == "requires_action")


def pay_elsewhere(turn: Turn, invoice: Json) -> Json:
    """Paid by other means than Stripe's; its intent is canceled."""
    invoices.check_payable(invoice)
    _drop_payment(turn, invoice)
    return _paid(turn, invoice, attempts=0, off_stripe=True)


def void(turn: Turn, invoice: Json) -> Json:
    """Nothing is due any more; what the customer's balance gave to it is given back."""
    after = invoices.voided(invoice, now=turn.now)
    _drop_payment(turn, invoice)
    customer = turn.store.objects.get("customer", invoice["customer"])
    if customer is not None and not customer.get("deleted"):
        given = invoice["starting_balance"] - invoice["ending_balance"]
        change_customer(turn, customer, {"balance": customer["balance"] + given})
    return _rest(turn, after, "invoice.voided")


def mark_uncollectible(turn: Turn, invoice: Json) -> Json:
    return _rest(turn, invoices.marked_uncollectible(invoice, now=turn.now), "invoice.marked_uncollectible")


def default_method(turn: Turn, invoice: Json) -> Json | None:
    """The card that is charged: the subscription's own, else the customer's default; a detached one is none."""
    subscription = turn.find("subscription", invoices.subscription_of(invoice))
    return method_of(turn, subscription)


def method_of(turn: Turn, subscription: Json) -> Json | None:
    customer = turn.find("customer", subscription["customer"])
    if customer.get("deleted"):
        return None
    for method_id in (
        subscription["default_payment_method"],
        customer["invoice_settings"]["default_payment_method"],
    ):
        method = turn.store.objects.get("payment_method", method_id) if method_id else None
        if method is not None and method["customer"] == customer["id"]:
            return method
    return None


def payment_of(turn: Turn, invoice: Json) -> Json | None:
    found = turn.store.objects.with_value("invoice_payment", "invoice", invoice["id"])
    return found[0] if found else None


def intent_of(turn: Turn, invoice: Json) -> Json:
    payment = payment_of(turn, invoice)
    assert payment is not None, "an open invoice with something due has a payment"
    return turn.find("payment_intent", payment["payment"]["payment_intent"])


def _make_payment(turn: Turn, invoice: Json) -> None:
    intent = payments.create_intent(
        turn,
        amount_minor=invoice["amount_due"],
        currency=invoice["currency"],
        given={
            "capture_method": "automatic",
            "customer": invoice["customer"],
            "description": _PURPOSE.get(invoice["billing_reason"], "Subscription update"),
            "setup_future_usage": "off_session",
        },
        automatic=False,
    )
    turn.store.objects.hide(intent["id"], invoice=invoice["id"])
    payment_id = turn.new_id("invoice_payment")
    turn.store.objects.insert(invoices.new_payment(payment_id, invoice=invoice, intent_id=intent["id"], now=turn.now))


def _drop_payment(turn: Turn, invoice: Json) -> None:
    payment = payment_of(turn, invoice)
    if payment is None or payment["status"] != "open":
        return
    turn.store.objects.save(invoices.payment_canceled(payment, now=turn.now))
    payments.cancel_intent(turn, intent_of(turn, invoice), reason="void_invoice")


def _paid(turn: Turn, invoice: Json, *, attempts: int, off_stripe: bool = False) -> Json:
    after = invoices.paid(invoice, now=turn.now, attempts=attempts, off_stripe=off_stripe)
    turn.store.objects.save(after)
    payment = payment_of(turn, invoice)
    if payment is not None and payment["status"] == "open":
        paid = invoices.payment_paid(payment, now=turn.now)
        turn.store.objects.save(paid)
        turn.emit("invoice_payment.paid", paid)
    turn.emit("invoice.paid", after)
    turn.emit("invoice.payment_succeeded", after)
    standing.after_payment(turn, after)
    return after


def _failed(turn: Turn, invoice: Json, *, automatic: bool, wants_action: bool) -> None:
    """Counts an automatic attempt and plans the next; by hand only the first one counts."""
    after = invoice
    if automatic or invoice["attempt_count"] == 0:
        after = invoices.attempted(invoice, next_at=_next_attempt(turn, invoice))
        turn.store.objects.save(after)
        if after["next_payment_attempt"] is not None:
            turn.store.timers.add(RETRY, after["id"], at=after["next_payment_attempt"])
        turn.emit("invoice.updated", after, previous=previous_attributes(invoice, after))
    if wants_action:
        turn.emit("invoice.payment_action_required", after)
    turn.emit("invoice.payment_failed", after)
    standing.after_failure(turn, after, last=automatic and after["next_payment_attempt"] is None)


def _keep_card(turn: Turn, invoice: Json, method_id: str) -> None:
    """The card that paid is charged from now on, where the subscription was told to keep it."""
    subscription = turn.find("subscription", invoices.subscription_of(invoice))
    if subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
        standing.prefer(turn, subscription, method_id)


def _next_attempt(turn: Turn, invoice: Json) -> int | None:
    """A first invoice is not tried again: the subscription waits for its customer, and expires."""
    subscription = turn.find("subscription", invoices.subscription_of(invoice))
    if not invoice["auto_advance"] or subscription["status"] == subscriptions.INCOMPLETE:
        return None
    finalized_at = invoice["status_transitions"]["finalized_at"]
    return standing.dunning_of(turn).next_at(finalized_at, attempts=invoice["attempt_count"] + 1)


def _rest(turn: Turn, after: Json, told_as: str) -> Json:
    turn.store.objects.save(after)
    turn.emit(told_as, after)
    return after


def _line_of(turn: Turn, item: Json, invoice_id: str) -> Json:
    return invoice_lines.item_line(turn.new_id("line_item"), item, invoice_id=invoice_id)


def needs_action(decline: Decline | None, intent: Json) -> bool:
    return decline is None and bool(intent["status"] == "requires_action")
