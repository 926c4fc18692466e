"""/v1/invoice_payments and /v1/invoiceitems: what paid an invoice, and what waits for one. Only read."""

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain.params import Text, choice, shape
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.turn import Turn

_URL = "/v1/invoice_payments"
_ITEMS_URL = "/v1/invoiceitems"


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("invoice_payment", given.path["id"], param="invoice_payment")


def _list(turn: Turn, given: Given) -> Json:
    equal = picked(given.params, "invoice", "status")
    if "payment" in given.params:
        equal |= {f"payment.{name}": value for name, value in given.params["payment"].items()}
    return list_of(turn, given, "invoice_payment", _URL, equal=equal)


def _retrieve_item(turn: Turn, given: Given) -> Json:
    return turn.find("invoiceitem", given.path["id"], param="invoiceitem")


def _list_items(turn: Turn, given: Given) -> Json:
    return list_of(turn, given, "invoiceitem", _ITEMS_URL, equal=picked(given.params, "customer", "invoice"))


OPERATIONS: tuple[Operation, ...] = (
    operation(
        "GET",
        _URL,
        list_shape(
            invoice=Text(),
            payment=shape(required=("type",), payment_intent=Text(), type=choice("payment_intent")),
            status=choice("canceled", "open", "paid"),
        ),
        _list,
    ),
    operation("GET", _URL + "/{id}", shape(), _retrieve),
    operation("GET", _ITEMS_URL, list_shape(customer=Text(), invoice=Text()), _list_items),
    operation("GET", _ITEMS_URL + "/{id}", shape(), _retrieve_item),
)
