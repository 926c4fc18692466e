"""/v1/products"""

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain import catalogue
from deploy.stripe_sandbox.domain.customers import deleted, previous_attributes
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import Flag, Labels, Many, Param, Shape, Text, shape
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.turn import Turn

_FIELDS: dict[str, Param] = {
    "active": Flag(),
    "description": Text(blank=True),
    "images": Many(Text(), most=8),
    "marketing_features": Many(shape(required=("name",), name=Text(longest=80)), most=15),
    "metadata": Labels(),
    "name": Text(),
    "shippable": Flag(),
    "statement_descriptor": Text(longest=22),
    "tax_code": Text(blank=True),
    "unit_label": Text(longest=12, blank=True),
    "url": Text(blank=True),
}
_UNBUILT = frozenset({"package_dimensions", "tax_details"})
_CREATE = Shape(
    {**_FIELDS, "id": Text(longest=255)},
    required=frozenset({"name"}),
    unbuilt=_UNBUILT | {"default_price_data", "type"},
)
_UPDATE = Shape({**_FIELDS, "default_price": Text(blank=True)}, unbuilt=_UNBUILT)


def _create(turn: Turn, given: Given) -> Json:
    product_id = given.params.get("id") or turn.new_id("product")
    if turn.store.objects.get("product", product_id) is not None:
        raise StripeError("Product already exists.", code="resource_already_exists", param="id")
    product = catalogue.new_product(
        product_id, given=given.params, now=turn.now, active=given.params.get("active", True)
    )
    turn.store.objects.insert(product)
    turn.emit("product.created", product)
    return product


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("product", given.path["id"])


def _update(turn: Turn, given: Given) -> Json:
    product = turn.referred("product", given.path["id"], param="id")
    price_id = given.params.get("default_price")
    if price_id is not None:
        turn.referred("price", price_id, param="default_price")
    after = catalogue.changed_product(product, given.params, now=turn.now)
    turn.store.objects.save(after)
    turn.emit("product.updated", after, previous=previous_attributes(product, after))
    return after


def _delete(turn: Turn, given: Given) -> Json:
    product = turn.referred("product", given.path["id"], param="id")
    stub = deleted("product", product["id"])
    turn.store.objects.remove(stub)
    turn.emit("product.deleted", product)
    return stub


def _list(turn: Turn, given: Given) -> Json:
    among = {"id": given.params["ids"]} if given.params.get("ids") else {}
    equal = picked(given.params, "active", "shippable", "url")
    return list_of(turn, given, "product", "/v1/products", equal=equal, among=among)


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", "/v1/products", _CREATE, _create),
    operation(
        "GET",
        "/v1/products",
        list_shape(active=Flag(), ids=Many(Text()), shippable=Flag(), url=Text()),
        _list,
    ),
    operation("GET", "/v1/products/{id}", shape(), _retrieve),
    operation("POST", "/v1/products/{id}", _UPDATE, _update),
    operation("DELETE", "/v1/products/{id}", shape(), _delete),
)
