"""/v1/refunds, and a charge's own list of them."""

from deploy.stripe_sandbox.api.lists import as_list, list_of, list_shape, picked, undated_list_shape
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain import refunds as rules
from deploy.stripe_sandbox.domain.params import Labels, Text, Whole, choice, shape
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.use_cases import refunds
from deploy.stripe_sandbox.use_cases.turn import Turn

_INCLUDED = 10

_CREATE = shape(
    unbuilt=("currency", "customer", "instructions_email", "origin", "refund_application_fee", "reverse_transfer"),
    amount=Whole(),
    charge=Text(),
    metadata=Labels(),
    payment_intent=Text(),
    reason=choice(*rules.REASONS),
)


def included_refunds(turn: Turn, charge: Json) -> Json:
    """`expand[]=refunds` of a charge: the newest ten."""
    page = Page(kind="refund", limit=_INCLUDED, equal={"charge": charge["id"]})
    found, more = turn.store.objects.page(page)
    return as_list(found, f"/v1/charges/{charge['id']}/refunds", more=more)


def _create(turn: Turn, given: Given) -> Json:
    return refunds.create_refund(turn, given.params)


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("refund", given.path["id"], param="refund")


def _update(turn: Turn, given: Given) -> Json:
    return refunds.change_refund(turn, _retrieve(turn, given), given.params)


def _cancel(turn: Turn, given: Given) -> Json:
    return rules.canceled(_retrieve(turn, given))


def _list(turn: Turn, given: Given) -> Json:
    return list_of(turn, given, "refund", "/v1/refunds", equal=picked(given.params, "charge", "payment_intent"))


def _of_charge(turn: Turn, given: Given) -> Json:
    charge = turn.find("charge", given.path["id"], param="charge")
    return list_of(turn, given, "refund", f"/v1/charges/{charge['id']}/refunds", equal={"charge": charge["id"]})


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", "/v1/refunds", _CREATE, _create),
    operation("GET", "/v1/refunds", list_shape(charge=Text(), payment_intent=Text()), _list),
    operation("GET", "/v1/refunds/{id}", shape(), _retrieve),
    operation("POST", "/v1/refunds/{id}", shape(metadata=Labels()), _update),
    operation("POST", "/v1/refunds/{id}/cancel", shape(), _cancel),
    operation("GET", "/v1/charges/{id}/refunds", undated_list_shape(), _of_charge),
)
