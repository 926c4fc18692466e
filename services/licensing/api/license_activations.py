"""GET and DELETE /api/v1/licenses/{id}/activations: who holds a license's seats, for its owner and operators."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.licensing.api.guards import (
    active_caller_required,
    actor_of,
    caller_of,
    known_license,
    license_of,
    licensing_of,
    own_license,
)
from services.licensing.api.seats import ActivationView, activation_view
from services.licensing.domain.activation import PREFIX, Activation
from services.licensing.use_cases import activations
from shared.doors import StrictRoute, answer, guarded, refuses
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.service_auth import caller_required

router = APIRouter(route_class=StrictRoute, tags=["licenses"])


@refuses("not_found")
async def _readable_license(request: Request) -> None:
    """Guard: the license of the path is the caller's, or an operator asks."""
    await (known_license if caller_of(request).role == "operator" else own_license)(request)


@router.get(
    "/api/v1/licenses/{license_id}/activations",
    response_model=Page[ActivationView],
    summary="List a license's activations",
)
@guarded(caller_required, _readable_license)
async def list_activations(request: Request, license_id: str, limit: Limit = 20, after: After = None) -> Response:
    """Newest first, those that have ended too."""
    licensing = licensing_of(request)
    cursor = checked_cursor(PREFIX, after)
    found = await activations.list_activations(licensing, license_of(request), after=cursor, limit=limit + 1)

    def view(activation: Activation) -> ActivationView:
        return activation_view(activation, licensing.clock.now())

    return page(found, limit, view)


@router.delete(
    "/api/v1/licenses/{license_id}/activations/{activation_id}", status_code=204, summary="End an activation"
)
@guarded(active_caller_required, _readable_license)
async def end_activation(request: Request, license_id: str, activation_id: str) -> Response:
    """Free its seat. 204 also where it has ended already."""
    await activations.remove(licensing_of(request), license_id, activation_id, actor_of(request))
    return answer(None, 204)
