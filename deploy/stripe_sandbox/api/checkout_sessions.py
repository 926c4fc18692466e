"""/v1/checkout/sessions, in payment, subscription and setup mode on the hosted page."""

from deploy.stripe_sandbox.api.billing_params import TRIAL_SETTINGS
from deploy.stripe_sandbox.api.lists import as_list, list_of, list_shape, picked, undated_list_shape
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.api.prices import INTERVAL, TAX_BEHAVIOR
from deploy.stripe_sandbox.domain.currencies import MOST_MINOR
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import (
    DecimalText,
    Flag,
    Labels,
    Many,
    Shape,
    Text,
    Whole,
    choice,
    merged,
    shape,
)
from deploy.stripe_sandbox.domain.values import Json, names
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.use_cases import checkout
from deploy.stripe_sandbox.use_cases.turn import Turn

_URL = "/v1/checkout/sessions"
_MAX_ITEMS = 100

_PRODUCT_DATA = shape(
    required=("name",),
    unbuilt=("tax_details",),
    description=Text(),
    images=Many(Text(), most=8),
    metadata=Labels(),
    name=Text(),
    tax_code=Text(),
    unit_label=Text(longest=12),
)
_LINE_ITEM = shape(
    unbuilt=("adjustable_quantity", "tax_rates"),
    metadata=Labels(),
    price=Text(),
    price_data=shape(
        required=("currency",),
        currency=Text(longest=20),
        product=Text(),
        product_data=_PRODUCT_DATA,
        recurring=Shape(INTERVAL, required=frozenset({"interval"})),
        tax_behavior=TAX_BEHAVIOR,
        unit_amount=Whole(0, MOST_MINOR),
        unit_amount_decimal=DecimalText(),
    ),
    quantity=Whole(1, 999_999),
)
_INTENT_DATA = shape(
    unbuilt=("application_fee_amount", "on_behalf_of", "transfer_data", "shipping"),
    capture_method=choice("automatic", "automatic_async"),
    description=Text(longest=1000),
    metadata=Labels(),
    receipt_email=Text(longest=512),
    setup_future_usage=choice("off_session", "on_session"),
    statement_descriptor=Text(longest=22),
    statement_descriptor_suffix=Text(longest=22),
    transfer_group=Text(),
)
_SETUP_DATA = shape(unbuilt=("on_behalf_of",), description=Text(longest=1000), metadata=Labels())
_SUBSCRIPTION_DATA = shape(
    unbuilt=names(
        "application_fee_percent billing_cycle_anchor billing_cycle_anchor_config billing_mode default_tax_rates "
        "invoice_settings on_behalf_of pending_invoice_item_interval proration_behavior transfer_data"
    ),
    description=Text(longest=500),
    metadata=Labels(),
    trial_end=Whole(0),
    trial_period_days=Whole(1, 730),
    trial_settings=TRIAL_SETTINGS,
)
_CREATE = Shape(
    {
        "allow_promotion_codes": Flag(),
        "allowed_payment_method_types": Many(choice("card")),
        "billing_address_collection": choice("auto", "required"),
        "cancel_url": Text(),
        "client_reference_id": Text(longest=200),
        "currency": Text(longest=20),
        "customer": Text(),
        "customer_creation": choice("always", "if_required"),
        "customer_email": Text(longest=800),
        "expires_at": Whole(0),
        "integration_identifier": Text(),
        "line_items": Many(_LINE_ITEM, most=_MAX_ITEMS),
        "locale": Text(longest=10),
        "metadata": Labels(),
        "mode": choice("payment", "setup", "subscription"),
        "origin_context": choice("mobile_app", "web"),
        "payment_intent_data": _INTENT_DATA,
        "setup_intent_data": _SETUP_DATA,
        "subscription_data": _SUBSCRIPTION_DATA,
        "submit_type": choice("auto", "book", "donate", "pay", "subscribe"),
        "success_url": Text(),
        "ui_mode": choice("hosted_page"),
    },
    unbuilt=names(
        "adaptive_pricing after_expiration automatic_tax branding_settings consent_collection custom_fields "
        "custom_text customer_account customer_update discounts excluded_payment_method_types "
        "invoice_creation "
        "managed_payments name_collection optional_items payment_method_collection "
        "payment_method_configuration "
        "payment_method_data payment_method_options permissions phone_number_collection "
        "redirect_on_completion "
        "return_url saved_payment_method_options shipping_address_collection "
        "shipping_options "
        "tax_id_collection wallet_options"
    ),
)
_UPDATE = shape(
    unbuilt=("collected_information", "line_items", "payment_intent_data", "shipping_options"),
    metadata=Labels(),
)


def _create(turn: Turn, given: Given) -> Json:
    params = given.params
    mode = _mode(params)
    required, foreign = _OF_MODE[mode]
    for name in foreign:
        if name in params:
            raise StripeError(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    for name in required:
        if not params.get(name):
            raise StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)
    for name in ("success_url", "cancel_url"):
        _check_url(params.get(name), name)
    if "customer" in params and ("customer_email" in params or "customer_creation" in params):
        other = "customer_email" if "customer_email" in params else "customer_creation"
        raise StripeError(f"You may only specify one of these parameters: customer, {other}.", param="customer")
    return checkout.create_session(turn, params)


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("checkout.session", given.path["id"], param="session")


def _update(turn: Turn, given: Given) -> Json:
    session = _retrieve(turn, given)
    after = {**session, "metadata": merged(session["metadata"], given.params.get("metadata"))}
    turn.store.objects.save(after)
    return after


def _expire(turn: Turn, given: Given) -> Json:
    return checkout.expire(turn, _retrieve(turn, given))


def _list(turn: Turn, given: Given) -> Json:
    equal = picked(given.params, "customer", "payment_intent", "status", "subscription")
    if "customer_details" in given.params:
        equal["customer_details.email"] = given.params["customer_details"]["email"]
    return list_of(turn, given, "checkout.session", _URL, equal=equal)


def _line_items(turn: Turn, given: Given) -> Json:
    session_id = _retrieve(turn, given)["id"]
    return list_of(turn, given, f"item:{session_id}", f"{_URL}/{session_id}/line_items")


def included_line_items(turn: Turn, session: Json) -> Json:
    """`expand[]=line_items`: the first page of them."""
    found, more = turn.store.objects.page(Page(kind=f"item:{session['id']}", limit=10))
    return as_list(found, f"{_URL}/{session['id']}/line_items", more=more)


# mode -> the parameters that it needs, and those of other modes.
_OF_MODE = {
    "payment": (("line_items", "success_url"), ("setup_intent_data", "subscription_data")),
    "setup": (("success_url",), ("line_items", "payment_intent_data", "submit_type", "subscription_data")),
    "subscription": (
        ("line_items", "success_url"),
        ("customer_creation", "payment_intent_data", "setup_intent_data", "submit_type"),
    ),
}


def _mode(params: Json) -> str:
    mode: str | None = params.get("mode", "payment" if params.get("line_items") else None)
    if mode is None:
        raise StripeError("Missing required param: mode.", code="parameter_missing", param="mode")
    return mode


def _check_url(address: str | None, name: str) -> None:
    if address is not None and not address.startswith(("http://", "https://")):
        raise StripeError("Not a valid URL", code="url_invalid", param=name)


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", _URL, _CREATE, _create),
    operation(
        "GET",
        _URL,
        list_shape(
            customer=Text(),
            customer_details=shape(required=("email",), email=Text(longest=800)),
            payment_intent=Text(),
            status=choice("complete", "expired", "open"),
            subscription=Text(),
        ),
        _list,
    ),
    operation("GET", _URL + "/{id}", shape(), _retrieve),
    operation("POST", _URL + "/{id}", _UPDATE, _update),
    operation("POST", _URL + "/{id}/expire", shape(), _expire),
    operation("GET", _URL + "/{id}/line_items", undated_list_shape(), _line_items),
)
