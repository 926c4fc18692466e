"""What one pays with."""

from collections.abc import Sequence

from tollgate_client import views
from tollgate_client.calls.call import Call, Listing, make, without_none


def devices(*, page_size: int = 100) -> Listing[views.Device]:
    """The account's own, newest first."""
    return Listing("/api/v1/devices", page_size)


def register_device(
    *,
    type: str,
    fingerprint: str,
    capabilities: Sequence[str] = (),
    name: str | None = None,
    idempotency_key: str | None = None,
) -> Call[views.Device]:
    """With a session it is the account's; without one nobody's, until it is named as `device_id`. `Problem`
    `rate_limited` past five an hour from one address."""
    body = without_none(type=type, fingerprint=fingerprint, capabilities=list(capabilities), name=name)
    return make("/api/v1/devices", body, idempotency_key)
