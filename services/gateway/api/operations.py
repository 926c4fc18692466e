"""Whether this process is there."""

from fastapi import APIRouter
from starlette.responses import Response

from shared.doors import StrictRoute, answer

router = APIRouter(route_class=StrictRoute, tags=["operations"])


@router.get("/ping", summary="Whether the process answers")
async def ping() -> Response:
    return answer({"status": "ok"})
