"""/v1/charges: what was taken."""

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain.customers import previous_attributes
from deploy.stripe_sandbox.domain.params import Labels, Text, merged, shape
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.turn import Turn

_UPDATE = shape(
    unbuilt=("customer", "fraud_details", "shipping"),
    description=Text(longest=1000),
    metadata=Labels(),
    receipt_email=Text(longest=512),
    transfer_group=Text(),
)


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("charge", given.path["id"], param="charge")


def _update(turn: Turn, given: Given) -> Json:
    charge = _retrieve(turn, given)
    plain = picked(given.params, "description", "receipt_email", "transfer_group")
    after = {**charge, **plain, "metadata": merged(charge["metadata"], given.params.get("metadata"))}
    if after != charge:
        turn.store.objects.save(after)
        turn.emit("charge.updated", after, previous=previous_attributes(charge, after))
    return after


def _list(turn: Turn, given: Given) -> Json:
    equal = picked(given.params, "customer", "payment_intent", "transfer_group")
    return list_of(turn, given, "charge", "/v1/charges", equal=equal)


OPERATIONS: tuple[Operation, ...] = (
    operation("GET", "/v1/charges", list_shape(customer=Text(), payment_intent=Text(), transfer_group=Text()), _list),
    operation("GET", "/v1/charges/{id}", shape(), _retrieve),
    operation("POST", "/v1/charges/{id}", _UPDATE, _update),
)
