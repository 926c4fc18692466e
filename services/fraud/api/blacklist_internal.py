"""GET /internal/v1/blacklist: the live blacklist for a sibling's copy (shared/contracts/blacklist.py)."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.fraud.api.guards import fraud_of
from services.fraud.domain.blacklist import ID_PREFIX, Entry
from services.fraud.use_cases.live_blacklist import live_entries
from shared.contracts.blacklist import LONGEST_PAGE, PATH, LiveEntries, LiveEntry
from shared.doors import StrictRoute, answer, guarded
from shared.doors.lists import After, checked_cursor
from shared.service_auth import service_required

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.get(PATH)
@guarded(service_required)
async def read_live(
    request: Request, after: After = None, limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = LONGEST_PAGE
) -> Response:
    """A page of the live entries, by id."""
    found = await live_entries(fraud_of(request), after=checked_cursor(ID_PREFIX, after), limit=limit)
    entries: LiveEntries = {
        "data": [_entry(entry) for entry in found],
        "next": found[-1].id if len(found) == limit else None,
    }
    return answer(entries)


def _entry(entry: Entry) -> LiveEntry:
    expires_at = None if entry.expires_at is None else entry.expires_at.isoformat()
    return {"id": entry.id, "kind": entry.kind, "match": entry.match, "expires_at": expires_at}
