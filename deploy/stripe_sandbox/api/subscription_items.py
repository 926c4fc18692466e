"""/v1/subscription_items: each change is one of the item's subscription."""

from deploy.stripe_sandbox.api.billing_params import PAYMENT_BEHAVIOR, PRORATION, QUANTITY
from deploy.stripe_sandbox.api.lists import list_of, undated_list_shape
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain import subscriptions
from deploy.stripe_sandbox.domain.customers import deleted
from deploy.stripe_sandbox.domain.params import Flag, Labels, Param, Shape, Text, shape
from deploy.stripe_sandbox.domain.values import Json, names
from deploy.stripe_sandbox.use_cases import subscription_changes
from deploy.stripe_sandbox.use_cases.turn import Turn

_URL = "/v1/subscription_items"
_UNBUILT = names("billing_thresholds current_trial discounts plan price_data tax_rates")
_OF_CHANGE: dict[str, Param] = {"payment_behavior": PAYMENT_BEHAVIOR, **PRORATION}
_FIELDS: dict[str, Param] = {**_OF_CHANGE, "metadata": Labels(), "price": Text(), "quantity": QUANTITY}
_CREATE = Shape({**_FIELDS, "subscription": Text()}, required=frozenset({"subscription", "price"}), unbuilt=_UNBUILT)
_UPDATE = Shape({**_FIELDS, "off_session": Flag()}, unbuilt=_UNBUILT)
_DELETE = Shape(_OF_CHANGE, unbuilt=frozenset({"clear_usage"}))


def _create(turn: Turn, given: Given) -> Json:
    subscription = turn.referred("subscription", given.params["subscription"], param="subscription")
    known = {item["id"] for item in subscriptions.items_of(subscription)}
    after = _changed(turn, subscription, given.params, {})
    return next(item for item in subscriptions.items_of(after) if item["id"] not in known)


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("subscription_item", given.path["id"], param="item")


def _update(turn: Turn, given: Given) -> Json:
    item = turn.referred("subscription_item", given.path["id"], param="item")
    _changed(turn, turn.find("subscription", item["subscription"]), given.params, {"id": item["id"]})
    return turn.find("subscription_item", item["id"])


def _delete(turn: Turn, given: Given) -> Json:
    item = turn.referred("subscription_item", given.path["id"], param="item")
    subscription = turn.find("subscription", item["subscription"])
    _changed(turn, subscription, given.params, {"id": item["id"], "deleted": True})
    return deleted("subscription_item", item["id"])


def _list(turn: Turn, given: Given) -> Json:
    equal = {"subscription": given.params["subscription"]}
    turn.referred("subscription", given.params["subscription"], param="subscription")
    return list_of(turn, given, "subscription_item", _URL, equal=equal)


def _changed(turn: Turn, subscription: Json, params: Json, change: Json) -> Json:
    """The subscription after this change of one item."""
    asked: Json = {name: params[name] for name in ("metadata", "price", "quantity") if name in params}
    terms: Json = {name: params[name] for name in _OF_CHANGE if name in params}
    return subscription_changes.change(turn, subscription, {**terms, "items": [{**asked, **change}]})


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", _URL, _CREATE, _create),
    operation(
        "GET",
        _URL,
        Shape({**undated_list_shape().fields, "subscription": Text()}, required=frozenset({"subscription"})),
        _list,
    ),
    operation("GET", _URL + "/{id}", shape(), _retrieve),
    operation("POST", _URL + "/{id}", _UPDATE, _update),
    operation("DELETE", _URL + "/{id}", _DELETE, _delete),
)
