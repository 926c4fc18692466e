"""/v1/subscriptions: charged automatically, all items by one interval."""

from deploy.stripe_sandbox.api.billing_params import (
    CANCEL,
    CANCELLATION,
    PAUSE,
    PAYMENT_BEHAVIOR,
    PAYMENT_SETTINGS,
    PRORATION,
    QUANTITY,
    TRIAL_SETTINGS,
    InstantOr,
)
from deploy.stripe_sandbox.api.lists import as_list, list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain.params import Flag, Labels, Many, Param, Shape, Text, Whole, choice, shape
from deploy.stripe_sandbox.domain.subscriptions import ENDED, STATUSES
from deploy.stripe_sandbox.domain.values import Json, names
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.use_cases import subscription_changes, subscriptions
from deploy.stripe_sandbox.use_cases.turn import Turn

_URL = "/v1/subscriptions"
_MOST_ITEMS = 20
_UNBUILT_ITEM = ("billing_thresholds", "current_trial", "discounts", "plan", "price_data", "tax_rates")
_NEW_ITEM = shape(
    unbuilt=(*_UNBUILT_ITEM, "trial"), required=("price",), metadata=Labels(), price=Text(), quantity=QUANTITY
)
CHANGED_ITEM = shape(
    unbuilt=(*_UNBUILT_ITEM, "clear_usage"),
    deleted=Flag(),
    id=Text(),
    metadata=Labels(),
    price=Text(),
    quantity=QUANTITY,
)
_FIELDS: dict[str, Param] = {
    **CANCEL,
    "collection_method": choice("charge_automatically"),
    "default_payment_method": Text(),
    "description": Text(longest=500, blank=True),
    "metadata": Labels(),
    "off_session": Flag(),
    "payment_behavior": PAYMENT_BEHAVIOR,
    "payment_settings": PAYMENT_SETTINGS,
    "trial_end": InstantOr("now"),
    "trial_settings": TRIAL_SETTINGS,
}
_UNBUILT = names(
    "add_invoice_items application_fee_percent automatic_tax billing_schedules billing_thresholds days_until_due "
    "default_source default_tax_rates discounts invoice_settings on_behalf_of pending_invoice_item_interval "
    "transfer_data trial_from_plan"
)
_CREATE = Shape(
    {
        **_FIELDS,
        "customer": Text(),
        "description": Text(longest=500),
        "items": Many(_NEW_ITEM, most=_MOST_ITEMS),
        "proration_behavior": PRORATION["proration_behavior"],
        "trial_period_days": Whole(0, 730),
    },
    required=frozenset({"customer", "items"}),
    unbuilt=_UNBUILT
    | names(
        "backdate_start_date billing_cycle_anchor billing_cycle_anchor_config billing_mode currency customer_account"
    ),
)
_UPDATE = Shape(
    {
        **_FIELDS,
        **PRORATION,
        "billing_cycle_anchor": shape(required=("type",), type=choice("now", "unchanged")),
        "cancellation_details": CANCELLATION,
        "items": Many(CHANGED_ITEM, most=_MOST_ITEMS),
        "pause_collection": PAUSE,
    },
    unbuilt=_UNBUILT,
)
_DELETE = shape(cancellation_details=CANCELLATION, invoice_now=Flag(), prorate=Flag())
_RESUME = shape(
    unbuilt=PRORATION,
    billing_cycle_anchor=shape(required=("type",), type=choice("now")),
    payment_behavior=choice("resume_on_payment_attempt"),
)
_LIST = list_shape(
    collection_method=choice("charge_automatically", "send_invoice"),
    customer=Text(),
    price=Text(),
    status=choice("all", "ended", *STATUSES),
)


def _create(turn: Turn, given: Given) -> Json:
    return subscriptions.create(turn, given.params)


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("subscription", given.path["id"])


def _update(turn: Turn, given: Given) -> Json:
    return subscription_changes.change(turn, _retrieve(turn, given), given.params)


def _cancel(turn: Turn, given: Given) -> Json:
    return subscriptions.cancel(turn, _retrieve(turn, given), given.params)


def _resume(turn: Turn, given: Given) -> Json:
    return subscriptions.resume(turn, _retrieve(turn, given), given.params)


def _list(turn: Turn, given: Given) -> Json:
    """Without a status, all that have not ended."""
    equal = picked(given.params, "customer", "collection_method")
    if "price" in given.params:
        equal["items.data[0].price.id"] = given.params["price"]
    status = given.params.get("status")
    among = {"status": _statuses(status)}
    return list_of(turn, given, "subscription", _URL, equal=equal, among=among)


def included_subscriptions(turn: Turn, customer: Json) -> Json:
    """A customer's `expand[]=subscriptions`: the first page of the living ones."""
    page = Page("subscription", 10, equal={"customer": customer["id"]}, among={"status": _statuses(None)})
    found, more = turn.store.objects.page(page)
    return as_list(found, f"/v1/customers/{customer['id']}/subscriptions", more=more)


def _statuses(asked: str | None) -> list[str]:
    if asked is None:
        return [status for status in STATUSES if status != "canceled"]
    if asked == "all":
        return list(STATUSES)
    return sorted(ENDED) if asked == "ended" else [asked]


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", _URL, _CREATE, _create),
    operation("GET", _URL, _LIST, _list),
    operation("GET", _URL + "/{id}", shape(), _retrieve),
    operation("POST", _URL + "/{id}", _UPDATE, _update),
    operation("DELETE", _URL + "/{id}", _DELETE, _cancel),
    operation("POST", _URL + "/{id}/resume", _RESUME, _resume),
)
