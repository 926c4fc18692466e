"""/v1/payment_intents: cards, taken at once (no separate capture), with 3-D Secure where the bank asks for it."""

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Answer, Given, Operation, operation
from deploy.stripe_sandbox.domain import currencies, payment_intents
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import Flag, Labels, Many, Param, Shape, Text, Whole, choice, shape
from deploy.stripe_sandbox.domain.values import Json, names
from deploy.stripe_sandbox.use_cases import invoicing, payment_methods, payments
from deploy.stripe_sandbox.use_cases.payments import Confirmation
from deploy.stripe_sandbox.use_cases.turn import Turn

_URL = "/v1/payment_intents"

_FIELDS: dict[str, Param] = {
    "allowed_payment_method_types": Many(choice("card")),
    "amount": Whole(),
    "capture_method": choice("automatic", "automatic_async"),
    "currency": Text(longest=20),
    "customer": Text(),
    "description": Text(longest=1000, blank=True),
    "metadata": Labels(),
    "payment_method": Text(),
    "receipt_email": Text(longest=512, blank=True),
    "setup_future_usage": choice("off_session", "on_session"),
    "statement_descriptor": Text(longest=22),
    "statement_descriptor_suffix": Text(longest=22),
    "transfer_group": Text(),
}
_UNBUILT = names(
    "amount_details application_fee_amount customer_account excluded_payment_method_types hooks "
    "payment_details payment_method_configuration payment_method_data payment_method_options shipping "
    "transfer_data"
)
_CREATE = Shape(
    {
        **_FIELDS,
        "automatic_payment_methods": shape(
            required=("enabled",), enabled=Flag(), allow_redirects=choice("always", "never")
        ),
        "confirm": Flag(),
        "confirmation_method": choice("automatic", "manual"),
        "error_on_requires_action": Flag(),
        "off_session": Flag(),
        "return_url": Text(),
        "use_stripe_sdk": Flag(),
    },
    required=frozenset({"amount", "currency"}),
    unbuilt=_UNBUILT | {"confirmation_token", "mandate", "mandate_data", "on_behalf_of", "radar_options"},
)
_UPDATE = Shape(_FIELDS, unbuilt=_UNBUILT)
_CONFIRM = shape(
    unbuilt=_UNBUILT | {"amount_to_confirm", "confirmation_token", "mandate", "mandate_data", "radar_options"},
    allowed_payment_method_types=Many(choice("card")),
    capture_method=choice("automatic", "automatic_async"),
    error_on_requires_action=Flag(),
    off_session=Flag(),
    payment_method=Text(),
    receipt_email=Text(longest=512, blank=True),
    return_url=Text(),
    setup_future_usage=choice("off_session", "on_session"),
    use_stripe_sdk=Flag(),
)
_CANCEL = shape(
    cancellation_reason=choice("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
)


def _create(turn: Turn, given: Given) -> Json | Answer:
    params = dict(given.params)
    currency = currencies.checked_currency(params.pop("currency"), param="currency")
    amount = params.pop("amount")
    if amount < 1:
        raise _no_amount()
    currencies.check_amount(amount, currency, param="amount")
    _check_only_with_confirm(params)
    method = _method(turn, params, customer_id=None)
    if params.get("confirm") and method is None:
        raise StripeError(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    intent = payments.create_intent(turn, amount_minor=amount, currency=currency, given=params)
    if params.get("confirm") and method is not None:
        return _attempted(turn, intent, method, params)
    return intent


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("payment_intent", given.path["id"], param="intent")


def _update(turn: Turn, given: Given) -> Json:
    intent, params = _retrieve(turn, given), dict(given.params)
    if "currency" in params:
        params["currency"] = currencies.checked_currency(params["currency"], param="currency")
    if {"amount", "currency", "customer"} & set(params):
        _not_of_invoice(turn, intent, "update")
    wanted = {**intent, **params}
    currencies.check_amount(wanted["amount"], wanted["currency"], param="amount")
    _method(turn, params, customer_id=intent["customer"])
    after = payment_intents.changed_intent(intent, params)
    turn.store.objects.save(after)
    return after


def _confirm(turn: Turn, given: Given) -> Json | Answer:
    intent, params = _retrieve(turn, given), dict(given.params)
    payment_intents.check_confirmable(intent)
    _not_of_checkout(turn, intent, "confirm")
    method = _method(turn, params, customer_id=intent["customer"])
    if method is None and intent["payment_method"] is not None:
        method = payment_methods.usable_method(turn, intent["payment_method"])
    if method is None:
        raise StripeError(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You "
            "can either update "
            "the PaymentIntent with a payment method and then confirm it again, or confirm it "
            "again directly with "
            "a payment method or ConfirmationToken.",
            code="payment_intent_unexpected_state",
        )
    return _attempted(turn, payment_intents.changed_intent(intent, params), method, params)


def _cancel(turn: Turn, given: Given) -> Json:
    intent = _retrieve(turn, given)
    _not_of_invoice(turn, intent, "cancel")
    _not_of_checkout(turn, intent, "cancel")
    return payments.cancel_intent(turn, intent, reason=given.params.get("cancellation_reason"))


def _list(turn: Turn, given: Given) -> Json:
    return list_of(turn, given, "payment_intent", _URL, equal=picked(given.params, "customer"))


def _method(turn: Turn, params: Json, *, customer_id: str | None) -> Json | None:
    return payment_methods.method_for(turn, params, customer_id=customer_id, intent_name="PaymentIntent")


def _check_only_with_confirm(params: Json) -> None:
    for name in ("error_on_requires_action", "off_session", "return_url"):
        if name in params and not params.get("confirm"):
            raise StripeError(f"You may only pass `{name}` with `confirm` set to true.", param=name)


def _attempted(turn: Turn, intent: Json, method: Json, params: Json) -> Json | Answer:
    asked = Confirmation(
        off_session=params.get("off_session", False),
        error_on_requires_action=params.get("error_on_requires_action", False),
        return_url=params.get("return_url"),
    )
    if asked.off_session and intent["setup_future_usage"] is not None:
        raise StripeError(
            "You cannot confirm with the `off_session` parameter when `setup_future_usage` is also set on the "
            "PaymentIntent because you cannot set up future usages when processing payments off-session.",
            param="off_session",
        )
    attempt = payments.confirm(turn, intent, method, asked)
    invoicing.follow(turn, attempt)
    if attempt.decline is None:
        return attempt.intent
    extra: Json = {"payment_intent": attempt.intent, "payment_method": method}
    if attempt.charge is not None:
        extra["charge"] = attempt.charge["id"]
    return Answer(payments.card_error(attempt.decline, **extra), status=402)


def _no_amount() -> StripeError:
    return StripeError(
        "The amount must be greater than or equal to the minimum charge amount allowed for your account and the "
        "currency set (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). If you want to save "
        "a Payment Method for future use without an immediate payment, use a Setup Intent instead.",
        code="parameter_invalid_integer",
        param="amount",
    )


def _not_of_invoice(turn: Turn, intent: Json, verb: str) -> None:
    """An invoice's intent lives as long as the invoice is open, and for what is due."""
    if "invoice" in turn.store.objects.hidden(intent["id"]):
        raise StripeError(
            f"You cannot {verb} this PaymentIntent because it was created by an Invoice. Void or pay its Invoice "
            "instead.",
            code="payment_intent_unexpected_state",
        )


def _not_of_checkout(turn: Turn, intent: Json, verb: str) -> None:
    """A session's intent is the session's to finish."""
    of_subscription = "session" in turn.store.objects.hidden(intent["id"])
    if of_subscription or turn.store.objects.with_value("checkout.session", "payment_intent", intent["id"]):
        raise StripeError(
            f"You cannot {verb} this PaymentIntent because it was created by Checkout. To cancel "
            f"it, expire its "
            "Checkout Session instead.",
            code="payment_intent_unexpected_state",
        )


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", _URL, _CREATE, _create),
    operation("GET", _URL, list_shape(customer=Text()), _list),
    operation("GET", _URL + "/{id}", shape(client_secret=Text()), _retrieve),
    operation("POST", _URL + "/{id}", _UPDATE, _update),
    operation("POST", _URL + "/{id}/confirm", _CONFIRM, _confirm),
    operation("POST", _URL + "/{id}/cancel", _CANCEL, _cancel),
)
