"""GET /internal/v1/audit: who did what with cases, lists and rules, for the gateway, which shows it to operators."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.fraud.service import Fraud
from services.fraud.use_cases.audit import read_audit
from shared.audit import PREFIX
from shared.contracts.audit import PATH
from shared.doors import StrictRoute, answer, guarded
from shared.doors.lists import LONGEST_PAGE, After, checked_cursor
from shared.service_auth import service_required

router = APIRouter(route_class=StrictRoute, include_in_schema=False)

Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE + 1)]
"""A page's, and the one that says whether there is more."""


@router.get(PATH)
@guarded(service_required)
async def read_lines(request: Request, limit: Limit = 20, after: After = None) -> Response:
    """As `shared.contracts.audit` has it."""
    fraud: Fraud = request.app.state.service
    found, knows_after = await read_audit(fraud, after=checked_cursor(PREFIX, after), limit=limit)
    return answer({"data": [asdict(entry) for entry in found], "knows_after": knows_after})
