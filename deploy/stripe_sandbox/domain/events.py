"""Events: a snapshot of an object at the moment it changed, as it is sent to webhooks."""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain.values import API_VERSION, Json


@dataclass(frozen=True)
class Cause:
    """The request behind an event; both are empty for what the payment page or time did."""

    request_id: str | None = None
    idempotency_key: str | None = None


def new_event(
    event_id: str,
    event_type: str,
    *,
    snapshot: Json,
    previous: Json | None,
    cause: Cause,
    pending_webhooks: int,
    now: int,
) -> Json:
    data: Json = {"object": snapshot}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": event_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": data,
        "livemode": False,
        "pending_webhooks": pending_webhooks,
        "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key},
        "type": event_type,
    }
