"""/v1/customers"""

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Answer, Given, Operation, operation
from deploy.stripe_sandbox.domain.cards import Decline
from deploy.stripe_sandbox.domain.params import Labels, Many, Param, Shape, Text, Whole, choice, shape
from deploy.stripe_sandbox.domain.values import Json, names
from deploy.stripe_sandbox.use_cases import customers, payments
from deploy.stripe_sandbox.use_cases.turn import Turn

ADDRESS = shape(
    city=Text(blank=True),
    country=Text(blank=True),
    line1=Text(blank=True),
    line2=Text(blank=True),
    postal_code=Text(blank=True),
    state=Text(blank=True),
)
SHIPPING = shape(required=("address", "name"), address=ADDRESS, name=Text(), phone=Text(blank=True))

_FIELDS: dict[str, Param] = {
    "address": ADDRESS,
    "balance": Whole(),
    "description": Text(blank=True),
    "email": Text(longest=512, blank=True),
    "invoice_settings": shape(
        unbuilt=("custom_fields", "footer", "rendering_options"), default_payment_method=Text(blank=True)
    ),
    "metadata": Labels(),
    "name": Text(longest=256, blank=True),
    "phone": Text(longest=30, blank=True),
    "preferred_locales": Many(Text(longest=20)),
    "shipping": SHIPPING,
    "tax_exempt": choice("none", "exempt", "reverse"),
}
_UNBUILT = names("business_name cash_balance individual_name invoice_prefix next_invoice_sequence source tax validate")
_CREATE = Shape({**_FIELDS, "payment_method": Text()}, unbuilt=_UNBUILT | {"tax_id_data", "test_clock"})
_UPDATE = Shape(_FIELDS, unbuilt=_UNBUILT | {"default_source"})


def _create(turn: Turn, given: Given) -> Json | Answer:
    fields = dict(given.params)
    method_id = fields.pop("payment_method", None)
    _check_default_method(turn, fields)
    if method_id is None:
        return customers.create_customer(turn, fields)
    method = payments.usable_method(turn, method_id)
    if not payments.card_of(turn, method).attaches:
        refusal = payments.attach_method(turn, method, "")
        assert isinstance(refusal, Decline)
        return Answer(payments.card_error(refusal), status=402)
    customer = customers.create_customer(turn, fields)
    payments.attach_method(turn, method, customer["id"])
    return customer


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("customer", given.path["id"])


def _update(turn: Turn, given: Given) -> Json:
    customer = turn.find("customer", given.path["id"])
    if customer.get("deleted"):
        turn.referred("customer", given.path["id"], param="id")
    _check_default_method(turn, given.params)
    return customers.change_customer(turn, customer, given.params)


def _delete(turn: Turn, given: Given) -> Json:
    customer = turn.find("customer", given.path["id"])
    if customer.get("deleted"):
        turn.referred("customer", given.path["id"], param="id")
    return customers.delete_customer(turn, customer)


def _list(turn: Turn, given: Given) -> Json:
    return list_of(turn, given, "customer", "/v1/customers", equal=picked(given.params, "email"))


def _methods(turn: Turn, given: Given) -> Json:
    customer_id = turn.referred("customer", given.path["id"], param="customer")["id"]
    url = f"/v1/customers/{customer_id}/payment_methods"
    equal = {"customer": customer_id, **picked(given.params, "type")}
    return list_of(turn, given, "payment_method", url, equal=equal)


def _check_default_method(turn: Turn, fields: Json) -> None:
    method_id = fields.get("invoice_settings", {}).get("default_payment_method")
    if method_id is not None:
        turn.referred("payment_method", method_id, param="invoice_settings[default_payment_method]")


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", "/v1/customers", _CREATE, _create),
    operation("GET", "/v1/customers", list_shape(email=Text(longest=512)), _list),
    operation("GET", "/v1/customers/{id}", shape(), _retrieve),
    operation("POST", "/v1/customers/{id}", _UPDATE, _update),
    operation("DELETE", "/v1/customers/{id}", shape(), _delete),
    operation("GET", "/v1/customers/{id}/payment_methods", list_shape(type=choice("card")), _methods),
)
