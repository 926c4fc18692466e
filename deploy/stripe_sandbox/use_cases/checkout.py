"""Checkout sessions: making one, and its end by expiry. What its page does is `checkout_page`."""

from deploy.stripe_sandbox.domain import catalogue, checkout_sessions, currencies, line_items, payment_intents
from deploy.stripe_sandbox.domain.checkout_sessions import Sale
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import payments, setups, subscription_checkout
from deploy.stripe_sandbox.use_cases.turn import Turn

EXPIRE_BATCH = 100


def create_session(turn: Turn, given: Json) -> Json:
    """An open session that sells the asked line items, or in setup mode saves a card; raises for what cannot
    be sold."""
    customer = None
    if "customer" in given:
        customer = turn.referred("customer", given["customer"], param="customer")
    is_setup = given.get("mode") == checkout_sessions.SETUP
    if is_setup and "currency" in given:
        given = {**given, "currency": currencies.checked_currency(given["currency"], param="currency")}
    items, sale = ([], None) if is_setup else _sale(turn, given)
    session_id = turn.new_id("checkout.session")
    session = checkout_sessions.new_session(
        session_id,
        given=given,
        customer=customer,
        sale=sale,
        url=page_address(turn, session_id),
        expires_at=checkout_sessions.expiry_of(given.get("expires_at"), now=turn.now),
        now=turn.now,
    )
    if sale is None:
        session["setup_intent"] = _setup(turn, given)["id"]
    turn.store.objects.insert(
        session, hidden={name: given.get(name, {}) for name in ("payment_intent_data", "subscription_data")}
    )
    turn.store.objects.add_line_items(session_id, items, now=turn.now)
    return session


def page_address(turn: Turn, session_id: str) -> str:
    return f"{turn.public_url}/c/pay/{session_id}"


def expire(turn: Turn, session: Json) -> Json:
    """Ends an open session, and the intent of a try that failed."""
    after = checkout_sessions.expired(session)
    turn.store.objects.save(after)
    if session["mode"] == checkout_sessions.SUBSCRIPTION:
        subscription_checkout.give_up(turn, session)
    if session["payment_intent"] is not None:
        intent = turn.find("payment_intent", session["payment_intent"])
        if intent["status"] in payment_intents.CANCELABLE:
            payments.cancel_intent(turn, intent, reason="automatic")
    if session["setup_intent"] is not None:
        setups.cancel(turn, turn.find("setup_intent", session["setup_intent"]), reason="abandoned")
    turn.emit("checkout.session.expired", after)
    return after


def expire_due(turn: Turn) -> int:
    """Expires sessions whose time has passed, a batch at a time; answers how many."""
    due = turn.store.objects.due_sessions(now=turn.now, limit=EXPIRE_BATCH)
    for session in due:
        expire(turn, session)
    return len(due)


def _sale(turn: Turn, given: Json) -> tuple[list[Json], Sale]:
    recurring = given.get("mode") == checkout_sessions.SUBSCRIPTION
    items = [
        _line_item(turn, wanted, f"line_items[{place}]", recurring=recurring)
        for place, wanted in enumerate(given["line_items"])
    ]
    currency = _one_currency(items, given.get("currency"))
    total = sum(item["amount_total"] for item in items)
    if recurring:
        return items, Sale(0 if _has_trial(given) else total, currency, recurring=True)
    currencies.check_amount(total, currency, param="line_items")
    return items, Sale(total, currency)


def _has_trial(given: Json) -> bool:
    asked: Json = given.get("subscription_data", {})
    return bool(asked.get("trial_period_days") or asked.get("trial_end"))


def _setup(turn: Turn, given: Json) -> Json:
    wanted = {**given.get("setup_intent_data", {})}
    if "customer" in given:
        wanted["customer"] = given["customer"]
    return setups.create_setup(turn, wanted, automatic=False)


def _line_item(turn: Turn, wanted: Json, name: str, *, recurring: bool) -> Json:
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
    if recurring and price["type"] == "one_time":
        raise StripeError("The sandbox sells recurring prices only in `subscription` mode.", param=name)
    if price["type"] != "one_time" and not recurring:
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
