"""/v1/events and /v1/webhook_endpoints: what happened, and the one address it is sent to."""

from deploy.stripe_sandbox.api.lists import as_list, list_of, list_shape, undated_list_shape
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain.params import Flag, Many, Text, shape
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.use_cases.turn import Turn


def _retrieve(turn: Turn, given: Given) -> Json:
    return _as_of_now(turn, turn.find("event", given.path["id"]))


def _list(turn: Turn, given: Given) -> Json:
    params = given.params
    types = [*params.get("types", []), *([params["type"]] if "type" in params else [])]
    return list_of(
        turn,
        given,
        "event",
        "/v1/events",
        among={"type": types} if types else {},
        delivered=params.get("delivery_success"),
        shown=lambda event: _as_of_now(turn, event),
    )


def _as_of_now(turn: Turn, event: Json) -> Json:
    """`pending_webhooks` counts what has not come to its address (yet)."""
    return {**event, "pending_webhooks": turn.store.deliveries.unfinished(event["id"])}


def _endpoint(turn: Turn, given: Given) -> Json:
    return turn.find("webhook_endpoint", given.path["id"], param="webhook_endpoint")


def _endpoints(turn: Turn, given: Given) -> Json:
    found, _ = turn.store.objects.page(Page(kind="webhook_endpoint", limit=1))
    return as_list(found, "/v1/webhook_endpoints")


OPERATIONS: tuple[Operation, ...] = (
    operation(
        "GET",
        "/v1/events",
        list_shape(delivery_success=Flag(), type=Text(), types=Many(Text(), most=20)),
        _list,
    ),
    operation("GET", "/v1/events/{id}", shape(), _retrieve),
    operation("GET", "/v1/webhook_endpoints", undated_list_shape(), _endpoints),
    operation("GET", "/v1/webhook_endpoints/{id}", shape(), _endpoint),
)
