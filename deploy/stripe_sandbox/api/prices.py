"""/v1/prices"""

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain import catalogue, currencies
from deploy.stripe_sandbox.domain.customers import previous_attributes
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import (
    DecimalText,
    Flag,
    Labels,
    Many,
    Param,
    Shape,
    Text,
    Whole,
    choice,
    shape,
)
from deploy.stripe_sandbox.domain.values import Json, names
from deploy.stripe_sandbox.use_cases.checkout import whole_amount
from deploy.stripe_sandbox.use_cases.turn import Turn

INTERVAL: dict[str, Param] = {
    "interval": choice("day", "week", "month", "year"),
    "interval_count": Whole(1, 365),
}
_RECURRING = shape(
    required=("interval",),
    unbuilt=("meter",),
    **INTERVAL,
    trial_period_days=Whole(0, 730),
    usage_type=choice("licensed"),
)
TAX_BEHAVIOR = choice("exclusive", "inclusive", "unspecified")
_PRODUCT_DATA = shape(
    required=("name",),
    unbuilt=("tax_details",),
    active=Flag(),
    id=Text(longest=255),
    metadata=Labels(),
    name=Text(),
    statement_descriptor=Text(longest=22),
    tax_code=Text(),
    unit_label=Text(longest=12),
)
_CREATE = Shape(
    {
        "active": Flag(),
        "billing_scheme": choice("per_unit"),
        "currency": Text(longest=20),
        "lookup_key": Text(longest=200),
        "metadata": Labels(),
        "nickname": Text(),
        "product": Text(),
        "product_data": _PRODUCT_DATA,
        "recurring": _RECURRING,
        "tax_behavior": TAX_BEHAVIOR,
        "transfer_lookup_key": Flag(),
        "unit_amount": Whole(0, currencies.MOST_MINOR),
        "unit_amount_decimal": DecimalText(),
    },
    required=frozenset({"currency"}),
    unbuilt=names("currency_options custom_unit_amount tiers tiers_mode transform_quantity"),
)
_UPDATE = shape(
    unbuilt=("currency_options",),
    active=Flag(),
    lookup_key=Text(longest=200, blank=True),
    metadata=Labels(),
    nickname=Text(blank=True),
    tax_behavior=TAX_BEHAVIOR,
    transfer_lookup_key=Flag(),
)


def _create(turn: Turn, given: Given) -> Json:
    params = given.params
    currency = currencies.checked_currency(params["currency"], param="currency")
    amount = whole_amount(params, "")
    if ("product" in params) == ("product_data" in params):
        raise StripeError(
            "You must specify either `product` or `product_data`.", code="parameter_missing", param="product"
        )
    _claim_lookup_key(turn, params, None)
    price = catalogue.new_price(
        turn.new_id("price"),
        given={**params, "currency": currency},
        product_id=_product(turn, params)["id"],
        amount_minor=amount,
        now=turn.now,
        active=params.get("active", True),
    )
    turn.store.objects.insert(price)
    turn.emit("price.created", price)
    return price


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("price", given.path["id"], param="price")


def _update(turn: Turn, given: Given) -> Json:
    price = turn.find("price", given.path["id"], param="price")
    _claim_lookup_key(turn, given.params, price["id"])
    after = catalogue.changed_price(price, given.params)
    turn.store.objects.save(after)
    turn.emit("price.updated", after, previous=previous_attributes(price, after))
    return after


def _list(turn: Turn, given: Given) -> Json:
    among = {"lookup_key": given.params["lookup_keys"]} if given.params.get("lookup_keys") else {}
    equal = picked(given.params, "active", "currency", "product", "type")
    return list_of(turn, given, "price", "/v1/prices", equal=equal, among=among)


def _product(turn: Turn, params: Json) -> Json:
    if "product" in params:
        return turn.referred("product", params["product"], param="product")
    data: Json = params["product_data"]
    product = catalogue.new_product(
        data.get("id") or turn.new_id("product"), given=data, now=turn.now, active=data.get("active", True)
    )
    if turn.store.objects.get("product", product["id"]) is not None:
        raise StripeError("Product already exists.", code="resource_already_exists", param="product_data[id]")
    turn.store.objects.insert(product)
    turn.emit("product.created", product)
    return product


def _claim_lookup_key(turn: Turn, params: Json, price_id: str | None) -> None:
    """A lookup key belongs to one price; `transfer_lookup_key` takes it from the one that has it."""
    key = params.get("lookup_key")
    if key is None:
        return
    for holder in turn.store.objects.with_value("price", "lookup_key", key):
        if holder["id"] == price_id:
            continue
        if not params.get("transfer_lookup_key"):
            raise StripeError(
                f"A price (`{holder['id']}`) already uses that lookup key.",
                code="resource_already_exists",
                param="lookup_key",
            )
        turn.store.objects.save({**holder, "lookup_key": None})


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", "/v1/prices", _CREATE, _create),
    operation(
        "GET",
        "/v1/prices",
        list_shape(
            active=Flag(),
            currency=Text(),
            lookup_keys=Many(Text(longest=200), most=10),
            product=Text(),
            type=choice("one_time", "recurring"),
        ),
        _list,
    ),
    operation("GET", "/v1/prices/{id}", shape(), _retrieve),
    operation("POST", "/v1/prices/{id}", _UPDATE, _update),
)
