"""/v1/setup_intents and /v1/setup_attempts: cards saved for later."""

from dataclasses import replace

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Answer, Given, Operation, operation
from deploy.stripe_sandbox.domain import setup_intents
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import Flag, Labels, Many, Param, Shape, Text, choice, shape
from deploy.stripe_sandbox.domain.values import Json, names
from deploy.stripe_sandbox.use_cases import payment_methods, payments, setups
from deploy.stripe_sandbox.use_cases.turn import Turn

_URL = "/v1/setup_intents"

_FIELDS: dict[str, Param] = {
    "allowed_payment_method_types": Many(choice("card")),
    "customer": Text(),
    "description": Text(longest=1000, blank=True),
    "metadata": Labels(),
    "payment_method": Text(),
}
_UNBUILT = names(
    "attach_to_self customer_account excluded_payment_method_types flow_directions payment_method_configuration "
    "payment_method_data payment_method_options"
)
_WITH_CONFIRM: dict[str, Param] = {"return_url": Text(), "use_stripe_sdk": Flag()}
_CREATE = Shape(
    {
        **_FIELDS,
        **_WITH_CONFIRM,
        "automatic_payment_methods": shape(
            required=("enabled",), enabled=Flag(), allow_redirects=choice("always", "never")
        ),
        "confirm": Flag(),
        "usage": choice("off_session", "on_session"),
    },
    unbuilt=_UNBUILT | {"confirmation_token", "mandate_data", "on_behalf_of", "single_use"},
)
_UPDATE = Shape(_FIELDS, unbuilt=_UNBUILT)
_CONFIRM = Shape(
    {**_WITH_CONFIRM, "allowed_payment_method_types": Many(choice("card")), "payment_method": Text()},
    unbuilt=names("confirmation_token mandate_data payment_method_data payment_method_options"),
)
_CANCEL = shape(cancellation_reason=choice("abandoned", "duplicate", "requested_by_customer"))


def _create(turn: Turn, given: Given) -> Json | Answer:
    params = dict(given.params)
    if "return_url" in params and not params.get("confirm"):
        raise StripeError("You may only pass `return_url` with `confirm` set to true.", param="return_url")
    method = _method(turn, params, customer_id=None)
    setup = setups.create_setup(turn, params)
    return _attempted(turn, setup, method, params) if params.get("confirm") else setup


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("setup_intent", given.path["id"], param="intent")


def _update(turn: Turn, given: Given) -> Json:
    setup, params = _retrieve(turn, given), dict(given.params)
    _method(turn, params, customer_id=setup["customer"])
    after = setup_intents.changed_setup(setup, params)
    turn.store.objects.save(after)
    return after


def _confirm(turn: Turn, given: Given) -> Json | Answer:
    setup, params = _retrieve(turn, given), dict(given.params)
    setup_intents.check_confirmable(setup)
    _not_of_checkout(turn, setup, "confirm")
    method = _method(turn, params, customer_id=setup["customer"])
    if method is None and setup["payment_method"] is not None:
        method = payment_methods.usable_method(turn, setup["payment_method"])
    return _attempted(turn, setup, method, params)


def _cancel(turn: Turn, given: Given) -> Json:
    setup = _retrieve(turn, given)
    _not_of_checkout(turn, setup, "cancel")
    return setups.cancel(turn, setup, reason=given.params.get("cancellation_reason"))


def _list(turn: Turn, given: Given) -> Json:
    return list_of(turn, given, "setup_intent", _URL, equal=picked(given.params, "customer", "payment_method"))


def _attempts(turn: Turn, given: Given) -> Json:
    return list_of(turn, given, "setup_attempt", "/v1/setup_attempts", equal=picked(given.params, "setup_intent"))


def _method(turn: Turn, params: Json, *, customer_id: str | None) -> Json | None:
    return payment_methods.method_for(turn, params, customer_id=customer_id, intent_name="SetupIntent")


def _attempted(turn: Turn, setup: Json, method: Json | None, params: Json) -> Json | Answer:
    if method is None:
        raise StripeError(
            "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with "
            "a payment method and confirm it again, or confirm it with one.",
            code="setup_intent_unexpected_state",
        )
    attempt = setups.confirm(turn, setup, method, return_url=params.get("return_url"))
    if attempt.decline is None:
        return attempt.setup
    error = payments.card_error(attempt.decline, payment_method=method, setup_intent=attempt.setup)
    return Answer(error, status=402)


def _not_of_checkout(turn: Turn, setup: Json, verb: str) -> None:
    """A session's setup intent is the session's to finish."""
    if turn.store.objects.with_value("checkout.session", "setup_intent", setup["id"]):
        raise StripeError(
            f"You cannot {verb} this SetupIntent because it was created by Checkout. To cancel it, expire its "
            "Checkout Session instead.",
            code="setup_intent_unexpected_state",
        )


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", _URL, _CREATE, _create),
    operation("GET", _URL, list_shape(customer=Text(), payment_method=Text()), _list),
    operation("GET", _URL + "/{id}", shape(client_secret=Text()), _retrieve),
    operation("POST", _URL + "/{id}", _UPDATE, _update),
    operation("POST", _URL + "/{id}/confirm", _CONFIRM, _confirm),
    operation("POST", _URL + "/{id}/cancel", _CANCEL, _cancel),
    operation(
        "GET",
        "/v1/setup_attempts",
        replace(list_shape(setup_intent=Text()), required=frozenset({"setup_intent"})),
        _attempts,
    ),
)
