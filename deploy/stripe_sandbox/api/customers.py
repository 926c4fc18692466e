"""/v1/customers"""

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked, undated_list_shape
from deploy.stripe_sandbox.api.operation import Answer, Given, Operation, operation
from deploy.stripe_sandbox.domain.cards import GENERIC, decline_of
from deploy.stripe_sandbox.domain.errors import StripeError, missing_object
from deploy.stripe_sandbox.domain.params import Labels, Many, Param, Shape, Text, Whole, choice, shape
from deploy.stripe_sandbox.domain.values import Json, names
from deploy.stripe_sandbox.use_cases import customers, payment_methods, payments, standing
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
    named = fields.pop("payment_method", None)
    method = None if named is None else payment_methods.usable_method(turn, named)
    if method is None or _default_method(fields) != named:
        _check_default_method(turn, None, fields)
    else:
        fields["invoice_settings"] = {**fields["invoice_settings"], "default_payment_method": method["id"]}
    if method is None:
        return customers.create_customer(turn, fields)
    card = payment_methods.card_of(turn, method)
    if not card.attaches:
        return Answer(payments.card_error(decline_of(card.behaviour) or GENERIC), status=402)
    customer = customers.create_customer(turn, fields)
    payment_methods.keep_method(turn, method, customer["id"])
    return customer


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("customer", given.path["id"])


def _update(turn: Turn, given: Given) -> Json:
    customer = turn.find("customer", given.path["id"])
    if customer.get("deleted"):
        turn.referred("customer", given.path["id"], param="id")
    _check_default_method(turn, customer["id"], given.params)
    return customers.change_customer(turn, customer, given.params)


def _delete(turn: Turn, given: Given) -> Json:
    customer = turn.find("customer", given.path["id"])
    if customer.get("deleted"):
        turn.referred("customer", given.path["id"], param="id")
    standing.end_all(turn, customer["id"])
    for method in turn.store.objects.with_value("payment_method", "customer", customer["id"]):
        payment_methods.detach_method(turn, method)
    return customers.delete_customer(turn, turn.find("customer", customer["id"]))


def _list(turn: Turn, given: Given) -> Json:
    return list_of(turn, given, "customer", "/v1/customers", equal=picked(given.params, "email"))


def _methods(turn: Turn, given: Given) -> Json:
    customer_id = turn.referred("customer", given.path["id"], param="customer")["id"]
    url = f"/v1/customers/{customer_id}/payment_methods"
    equal = {"customer": customer_id, **picked(given.params, "type")}
    return list_of(turn, given, "payment_method", url, equal=equal)


def _method(turn: Turn, given: Given) -> Json:
    customer_id = turn.referred("customer", given.path["id"], param="customer")["id"]
    method = turn.find("payment_method", given.path["method"], param="payment_method")
    if method["customer"] != customer_id:
        raise missing_object("payment_method", method["id"], param="payment_method")
    return method


def _default_method(fields: Json) -> str | None:
    method_id: str | None = fields.get("invoice_settings", {}).get("default_payment_method")
    return method_id


def _check_default_method(turn: Turn, customer_id: str | None, fields: Json) -> None:
    """A default must be the customer's own."""
    method_id = _default_method(fields)
    if method_id is None:
        return
    found = turn.store.objects.get("payment_method", method_id)
    if found is None or customer_id is None or found["customer"] != customer_id:
        raise StripeError(
            f"The customer does not have a payment method with the ID {method_id}. The payment method must be "
            "attached to the customer.",
            code="resource_missing",
            param="invoice_settings[default_payment_method]",
        )


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", "/v1/customers", _CREATE, _create),
    operation("GET", "/v1/customers", list_shape(email=Text(longest=512)), _list),
    operation("GET", "/v1/customers/{id}", shape(), _retrieve),
    operation("POST", "/v1/customers/{id}", _UPDATE, _update),
    operation("DELETE", "/v1/customers/{id}", shape(), _delete),
    operation("GET", "/v1/customers/{id}/payment_methods", undated_list_shape(type=choice("card")), _methods),
    operation("GET", "/v1/customers/{id}/payment_methods/{method}", shape(), _method),
)
