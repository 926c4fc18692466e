"""What activations look like from outside, and how a refusal by verdict is answered."""

from datetime import datetime
from typing import Annotated

from fastapi import Request
from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from services.licensing.api.signed import NonceField, SignedView
from services.licensing.api.validate import LONGEST_KEY
from services.licensing.api.views import validated_view
from services.licensing.domain.activation import Activation, Ending
from services.licensing.use_cases.bearing import Bearer, Refused
from shared.doors import Text, Wire, one_of
from shared.errors import DomainError

MOST_METADATA = 20
LONGEST_NAME = 40
LONGEST_VALUE = 500
_MOST_SAFE = 2**53 - 1


def _bounded(value: dict[str, str | int | bool | None]) -> dict[str, str | int | bool | None]:
    if len(value) > MOST_METADATA:
        raise ValueError(f"must have at most {MOST_METADATA} members")
    for name, content in value.items():
        if not 0 < len(name) <= LONGEST_NAME:
            raise ValueError(f"names must have 1 to {LONGEST_NAME} characters")
        if "\0" in name or (isinstance(content, str) and ("\0" in content or len(content) > LONGEST_VALUE)):
            raise ValueError(f"values must have at most {LONGEST_VALUE} characters, none of them NUL")
        if isinstance(content, int) and abs(content) > _MOST_SAFE:
            raise ValueError("numbers must lie between -(2^53 - 1) and 2^53 - 1")
    return value


MetadataField = Annotated[dict[str, str | int | bool | None], AfterValidator(_bounded)]
"""Up to 20 members, names of up to 40 characters; text of up to 500, whole numbers, booleans and nulls."""

KeyField = Annotated[str, Field(max_length=LONGEST_KEY, description="The license key; dashes don't matter.")]
FingerprintField = Annotated[str, Field(min_length=1, max_length=500)]


class ServerBody(Wire):
    """A server that bears a license key. One that was activated with a `fingerprint` sends it from then on. `nonce`
    comes back in the answer's signature."""

    license_key: KeyField
    server_id: Text
    fingerprint: FingerprintField | None = None
    metadata: MetadataField | None = None
    nonce: NonceField | None = None


class ActivationView(TypedDict):
    """One server's seat. `active`: it holds the seat now. `follows` is the activation that was transferred to it."""

    id: str
    license_id: str
    server_id: str
    fingerprint: str | None
    metadata: dict[str, str | int | bool | None]
    active: bool
    activated_at: datetime
    lease_until: datetime | None
    last_heartbeat_at: datetime | None
    deactivated_at: datetime | None
    ending: Annotated[str, one_of(Ending)] | None
    follows: str | None


class OneActivationView(SignedView):
    """`request_digest` (as `Content-Digest` has it) is of the request's body, as in a validation's answer."""

    activation: ActivationView


def activation_view(activation: Activation, now: datetime) -> ActivationView:
    """As the API shows it."""
    return {
        "id": activation.id,
        "license_id": activation.license_id,
        "server_id": activation.server_id,
        "fingerprint": activation.fingerprint,
        "metadata": dict(activation.metadata),
        "active": activation.is_active(now),
        "activated_at": activation.activated_at,
        "lease_until": activation.lease_until,
        "last_heartbeat_at": activation.last_heartbeat_at,
        "deactivated_at": activation.deactivated_at,
        "ending": None if activation.ending is None else activation.ending.value,
        "follows": activation.follows,
    }


def bearer_of(request: Request, license_key: str, server_id: str) -> Bearer:
    """Who asks with a key."""
    return Bearer(license_key, server_id, request.headers.get("x-tollgate-caller-ip", ""))


def license_invalid(refused: Refused, now: datetime) -> DomainError:
    """403 with the verdict, as validation says it."""
    verdict, license = refused.verdict, refused.license
    told = {
        "valid": False,
        "code": verdict.code.value,
        "detail": verdict.detail,
        "license": None if license is None else validated_view(license, now),
    }
    return DomainError("license_invalid", verdict.detail, extra={"verdict": told})
