"""What siblings ask: the licenses of subscriptions, and the audit trail."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.licensing.api.guards import licensing_of
from services.licensing.use_cases.audit import read_audit
from services.licensing.use_cases.licenses import of_subscriptions
from shared.audit import PREFIX
from shared.contracts.audit import PATH
from shared.contracts.licenses import LICENSES_PATH
from shared.doors import StrictRoute, answer, guarded
from shared.doors.lists import LONGEST_PAGE, After, checked_cursor
from shared.service_auth import service_required

router = APIRouter(route_class=StrictRoute, include_in_schema=False)

Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE + 1)]
"""A page's, and the one that says whether there is more."""


@router.get(LICENSES_PATH)
@guarded(service_required)
async def licenses_of_subscriptions(
    request: Request, subscription: Annotated[list[str], Query(max_length=LONGEST_PAGE)]
) -> Response:
    """`{licenses: {subscription's id: license's id}}` of those of a page that have one."""
    return answer({"licenses": await of_subscriptions(licensing_of(request), subscription)})


@router.get(PATH)
@guarded(service_required)
async def read_lines(request: Request, limit: Limit = 20, after: After = None) -> Response:
    """As `shared.contracts.audit` has it."""
    found, knows_after = await read_audit(licensing_of(request), after=checked_cursor(PREFIX, after), limit=limit)
    return answer({"data": [asdict(entry) for entry in found], "knows_after": knows_after})
