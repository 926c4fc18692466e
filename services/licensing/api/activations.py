"""POST /api/v1/licenses/activate, /deactivate, /heartbeat and /activations/transfer: a server with a license key. The
key is the credential. Each may be repeated: it changes nothing more. What is granted is signed, as a verdict is."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.licensing.api.guards import licensing_of
from services.licensing.api.seats import (
    FingerprintField,
    KeyField,
    MetadataField,
    OneActivationView,
    ServerBody,
    activation_view,
    bearer_of,
    license_invalid,
)
from services.licensing.api.signed import NonceField, question_of, signed_answer
from services.licensing.api.validate import from_gateway
from services.licensing.domain.activation import Activation, Server
from services.licensing.service import Licensing
from services.licensing.use_cases import activations
from services.licensing.use_cases.bearing import Bearer, Refused
from shared.doors import StrictRoute, Text, Wire, guarded, refuses

router = APIRouter(route_class=StrictRoute, tags=["licenses"])


class ActivateBody(ServerBody):
    """`replaces` is a server whose seat is given back for this one."""

    replaces: Text | None = None


class TransferBody(Wire):
    """Whose seat is handed over, and to whom; `fingerprint` is the latter's. `nonce` comes back in the answer's
    signature."""

    license_key: KeyField
    from_server_id: Text
    to_server_id: Text
    fingerprint: FingerprintField | None = None
    metadata: MetadataField | None = None
    nonce: NonceField | None = None


@router.post("/api/v1/licenses/activate", response_model=OneActivationView, summary="Activate a server")
@guarded(from_gateway)
@refuses("license_invalid", "too_many_activations", "rate_limited")
async def activate(request: Request, body: ActivateBody) -> Response:
    """A seat of the license for the server; the same server again has the same activation. 409
    `too_many_activations` where no seat is free; 403 `license_invalid` with the verdict."""
    licensing, server = _asked(request, body)
    found = await activations.activate(licensing, _bearer(request, body), server, replaces=body.replaces)
    return await _answer(request, found, nonce=body.nonce)


@router.post("/api/v1/licenses/deactivate", response_model=OneActivationView, summary="Deactivate a server")
@guarded(from_gateway)
@refuses("license_invalid", "rate_limited")
async def deactivate(request: Request, body: ServerBody) -> Response:
    """The server's seat given back, also while the license is expired or suspended. 403 `license_invalid` with the
    verdict NOT_ACTIVATED where it never had one."""
    licensing, server = _asked(request, body)
    found = await activations.deactivate(licensing, _bearer(request, body), server)
    return await _answer(request, found, nonce=body.nonce)


@router.post("/api/v1/licenses/heartbeat", response_model=OneActivationView, summary="Extend a server's lease")
@guarded(from_gateway)
@refuses("license_invalid", "too_many_activations", "rate_limited")
async def heartbeat(request: Request, body: ServerBody) -> Response:
    """A floating license's lease, extended from now. A server whose lease is over competes for a seat again, and has a
    new activation if it gets one, or 409 `too_many_activations`."""
    licensing, server = _asked(request, body)
    found = await activations.heartbeat(licensing, _bearer(request, body), server)
    return await _answer(request, found, nonce=body.nonce)


@router.post(
    "/api/v1/licenses/activations/transfer",
    response_model=OneActivationView,
    summary="Hand a server's seat over to another",
)
@guarded(from_gateway)
@refuses("license_invalid", "rate_limited")
async def transfer(request: Request, body: TransferBody) -> Response:
    """The other server's activation. Its metadata is the first one's where none is said; its fingerprint is not. 403
    `license_invalid` with the verdict NOT_ACTIVATED where the first one has no seat."""
    licensing = licensing_of(request)
    server = Server(body.to_server_id, body.fingerprint, body.metadata)
    bearer = bearer_of(request, body.license_key, body.to_server_id)
    found = await activations.transfer(licensing, bearer, server, from_server_id=body.from_server_id)
    return await _answer(request, found, nonce=body.nonce)


def _asked(request: Request, body: ServerBody) -> tuple[Licensing, Server]:
    return licensing_of(request), Server(body.server_id, body.fingerprint, body.metadata)


def _bearer(request: Request, body: ServerBody) -> Bearer:
    return bearer_of(request, body.license_key, body.server_id)


async def _answer(request: Request, found: Activation | Refused, *, nonce: str | None) -> Response:
    now = licensing_of(request).clock.now()
    if isinstance(found, Refused):
        raise license_invalid(found, now)
    view: OneActivationView = {"activation": activation_view(found, now), **question_of(request, nonce)}
    return await signed_answer(request, view, nonce=nonce)
