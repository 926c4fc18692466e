"""/v1/disputes: what customers' banks took back, and what is said to it."""

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain import disputes as rules
from deploy.stripe_sandbox.domain.params import Flag, Labels, Shape, Text, shape
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import disputes
from deploy.stripe_sandbox.use_cases.turn import Turn

_EVIDENCE = Shape(
    {name: Text(longest=20_000, blank=True) for name in rules.TEXTS},
    unbuilt=rules.FILES | {"appeal", "enhanced_evidence"},
)
_UPDATE = shape(unbuilt=("intended_submission_method",), evidence=_EVIDENCE, metadata=Labels(), submit=Flag())


def _found(turn: Turn, given: Given) -> Json:
    return turn.find("dispute", given.path["id"], param="dispute")


def _retrieve(turn: Turn, given: Given) -> Json:
    return rules.dispute_at(_found(turn, given), now=turn.now)


def _update(turn: Turn, given: Given) -> Json:
    return rules.dispute_at(disputes.answer(turn, _found(turn, given), given.params), now=turn.now)


def _close(turn: Turn, given: Given) -> Json:
    """The dispute is accepted: no evidence will come."""
    dispute = _found(turn, given)
    return rules.dispute_at(disputes.close(turn, dispute, status=rules.verdict_of_silence(dispute)), now=turn.now)


def _list(turn: Turn, given: Given) -> Json:
    return list_of(
        turn,
        given,
        "dispute",
        "/v1/disputes",
        equal=picked(given.params, "charge", "payment_intent"),
        shown=lambda dispute: rules.dispute_at(dispute, now=turn.now),
    )


OPERATIONS: tuple[Operation, ...] = (
    operation("GET", "/v1/disputes", list_shape(charge=Text(), payment_intent=Text()), _list),
    operation("GET", "/v1/disputes/{id}", shape(), _retrieve),
    operation("POST", "/v1/disputes/{id}", _UPDATE, _update),
    operation("POST", "/v1/disputes/{id}/close", shape(), _close),
)
