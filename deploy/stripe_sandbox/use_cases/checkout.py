"""Checkout sessions: making one, paying it on the hosted page, and its end."""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain import (
    cards,
    catalogue,
    checkout_sessions,
    currencies,
    line_items,
    payment_intents,
    payment_methods,
)
from deploy.stripe_sandbox.domain.cards import CardDetails, Decline
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import payments
from deploy.stripe_sandbox.use_cases.customers import create_customer
from deploy.stripe_sandbox.use_cases.turn import Turn

EXPIRE_BATCH = 100


@dataclass(frozen=True)
class Paid:
    """The session is paid, by this try or an earlier one; the browser goes to the success address."""

    address: str


@dataclass(frozen=True)
class Refused:
    """The card was refused; the session stays open for another try."""

    session: Json
    decline: Decline


@dataclass(frozen=True)
class Over:
    """The session has expired."""

    session: Json


def create_session(turn: Turn, given: Json) -> Json:
    """An open session of the asked line items; raises for what cannot be sold."""
    customer = None
    if "customer" in given:
        customer = turn.referred("customer", given["customer"], param="customer")
    items = [_line_item(turn, wanted, f"line_items[{place}]") for place, wanted in enumerate(given["line_items"])]
    currency = _one_currency(items, given.get("currency"))
    total = sum(item["amount_total"] for item in items)
    currencies.check_amount(total, currency, param="line_items")
    session_id = turn.new_id("checkout.session")
    session = checkout_sessions.new_session(
        session_id,
        given=given,
        customer=customer,
        amount_minor=total,
        currency=currency,
        url=f"{turn.public_url}/c/pay/{session_id}",
        expires_at=checkout_sessions.expiry_of(given.get("expires_at"), now=turn.now),
        now=turn.now,
    )
    turn.store.objects.insert(session, hidden={"payment_intent_data": given.get("payment_intent_data", {})})
    turn.store.objects.add_line_items(session_id, items, now=turn.now)
    return session


def pay(turn: Turn, session: Json, details: CardDetails, *, cardholder: str | None) -> Paid | Refused | Over:
    """One try to pay a session. A paid session is never charged again; a wrong number makes no charge at
    all."""
    if session["status"] == checkout_sessions.COMPLETE:
        return Paid(checkout_sessions.return_address(session["success_url"], session["id"]))
    if checkout_sessions.is_over(session, now=turn.now):
        session = expire(turn, session)
    if session["status"] != checkout_sessions.OPEN:
        return Over(session)
    card = cards.read_card(details, now=turn.now, salt=turn.salt)
    if isinstance(card, Decline):
        return Refused(session, card)
    customer = _customer_to_be(turn, session, card, cardholder)
    session, intent = _intent_of(turn, session, customer)
    billing = payment_methods.billing_details({"name": cardholder, "email": _email(session)})
    method = payments.create_method(turn, card, billing=billing, cvc_checked=True)
    attempt = payments.attempt(turn, intent, method)
    if attempt.decline is not None:
        return Refused(session, attempt.decline)
    _keep_method(turn, attempt.intent, method, customer)
    after = checkout_sessions.completed(session, customer=customer, cardholder=cardholder)
    turn.store.objects.save(after)
    turn.emit("checkout.session.completed", after)
    payments.settle(turn, attempt.charge)
    return Paid(checkout_sessions.return_address(after["success_url"], after["id"]))


def expire(turn: Turn, session: Json) -> Json:
    """Ends an open session, and the intent of a try that failed."""
    after = checkout_sessions.expired(session)
    turn.store.objects.save(after)
    if session["payment_intent"] is not None:
        intent = turn.find("payment_intent", session["payment_intent"])
        if intent["status"] in payment_intents.CANCELABLE:
            payments.cancel_intent(turn, intent, reason="automatic")
    turn.emit("checkout.session.expired", after)
    return after


def expire_due(turn: Turn) -> int:
    """Expires sessions whose time has passed, a batch at a time; answers how many."""
    due = turn.store.objects.due_sessions(now=turn.now, limit=EXPIRE_BATCH)
    for session in due:
        expire(turn, session)
    return len(due)


def _line_item(turn: Turn, wanted: Json, name: str) -> Json:
    if ("price" in wanted) == ("price_data" in wanted):
        raise StripeError(f"You must specify either `price` or `price_data` for `{name}`.", param=name)
    if "quantity" not in wanted:
        raise StripeError(
            f"Missing required param: {name}[quantity].", code="parameter_missing", param=f"{name}[quantity]"
        )
    if "price" in wanted:
        price = turn.referred("price", wanted["price"], param=f"{name}[price]")
        if not price["active"]:
            raise StripeError(
                "The price specified is inactive. This field only accepts active prices.",
                param=f"{name}[price]",
            )
        product = turn.referred("product", price["product"], param=f"{name}[price]")
    else:
        product, price = _inline_price(turn, wanted["price_data"], f"{name}[price_data]")
    if price["type"] != "one_time":
        raise StripeError(
            "You specified `payment` mode but passed a recurring price. Either switch to "
            "`subscription` mode or use "
            "only one-time prices.",
            param="line_items",
        )
    return line_items.new_line_item(
        turn.new_id("item"),
        price=price,
        description=product["name"],
        quantity=wanted["quantity"],
        metadata=wanted.get("metadata"),
    )


def _inline_price(turn: Turn, wanted: Json, name: str) -> tuple[Json, Json]:
    """The product and price behind `price_data`; both are kept, inactive, for this sale alone."""
    if ("product" in wanted) == ("product_data" in wanted):
        raise StripeError(f"You must specify either `product` or `product_data` for `{name}`.", param=name)
    amount = whole_amount(wanted, name)
    currency = currencies.checked_currency(wanted["currency"], param=f"{name}[currency]")
    if "product" in wanted:
        product = turn.referred("product", wanted["product"], param=f"{name}[product]")
    else:
        product = catalogue.new_product(
            turn.new_id("product"), given=wanted["product_data"], now=turn.now, active=False
        )
        turn.store.objects.insert(product)
    price = catalogue.new_price(
        turn.new_id("price"),
        given={**wanted, "currency": currency},
        product_id=product["id"],
        amount_minor=amount,
        now=turn.now,
        active=False,
    )
    turn.store.objects.insert(price)
    return product, price


def whole_amount(wanted: Json, name: str) -> int:
    """`unit_amount` or a whole `unit_amount_decimal`; parts of a minor unit are not sold here."""
    if ("unit_amount" in wanted) == ("unit_amount_decimal" in wanted):
        raise StripeError(
            "You must specify either `unit_amount` or `unit_amount_decimal`.",
            code="parameter_missing",
            param=f"{name}[unit_amount]" if name else "unit_amount",
        )
    if "unit_amount" in wanted:
        return int(wanted["unit_amount"])
    whole, _, rest = str(wanted["unit_amount_decimal"]).partition(".")
    if rest.strip("0"):
        raise StripeError("The sandbox sells whole minor units only.", param="unit_amount_decimal")
    return int(whole)


def _one_currency(items: list[Json], asked: str | None) -> str:
    found = {str(item["currency"]) for item in items} | ({asked.lower()} if asked else set())
    if len(found) != 1:
        raise StripeError("All line items of a Checkout Session must have the same currency.", param="line_items")
    return found.pop()


def _customer_to_be(turn: Turn, session: Json, card: cards.Card, cardholder: str | None) -> Json | None:
    """The session's customer; for `customer_creation: always` a new one, once the card is known to pay."""
    if session["customer"] is not None:
        customer = turn.find("customer", session["customer"])
        return None if customer.get("deleted") else customer
    if session["customer_creation"] != "always" or cards.decline_of(card.behaviour) is not None:
        return None
    given = {"email": session["customer_email"], "name": cardholder}
    return create_customer(turn, {name: value for name, value in given.items() if value is not None})


def _intent_of(turn: Turn, session: Json, customer: Json | None) -> tuple[Json, Json]:
    """The session and its payment intent, made at the first try and kept for later ones."""
    if session["payment_intent"] is not None:
        intent = turn.find("payment_intent", session["payment_intent"])
        if customer is not None and intent["customer"] is None:
            intent = {**intent, "customer": customer["id"]}
            turn.store.objects.save(intent)
        return session, intent
    given = {**turn.store.objects.hidden(session["id"]).get("payment_intent_data", {})}
    if customer is not None:
        given["customer"] = customer["id"]
    intent = payments.create_intent(
        turn,
        amount_minor=session["amount_total"],
        currency=session["currency"],
        given=given,
        automatic_methods=False,
    )
    session = {**session, "payment_intent": intent["id"]}
    turn.store.objects.save(session)
    return session, intent


def _keep_method(turn: Turn, intent: Json, method: Json, customer: Json | None) -> None:
    """A card that is to be used again stays with its customer."""
    if intent["setup_future_usage"] is not None and customer is not None:
        payments.attach_method(turn, method, customer["id"])


def _email(session: Json) -> str | None:
    details = session["customer_details"] or {}
    email: str | None = details.get("email")
    return email
