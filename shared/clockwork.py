"""What the test clock does with a service: says when something is next due, moves business time, and has the loops that
go by it work until nothing is left. `/internal/v1/clock`, for the gateway's use case alone; never in production.

A service says which of its loops go by the clock (`Loop.by_clock`), and when something of it falls due (`LookForDue`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from shared import outbox
from shared.clock import MovableClock
from shared.contracts.clocks import ADVANCE_PATH, CLOCK_PATH, WORK_PATH, ClockState, Due
from shared.doors import StrictRoute, Wire, answer, guarded
from shared.inbox import positions_read
from shared.kept_clock import Keeper
from shared.loops import Loop
from shared.service_auth import service_required
from shared.telemetry import logger

MOST_RUNS = 10_000
"""Of one loop in one round of work: one that is never done does not hold the others up."""


LookForDue = Callable[[Any, datetime], Awaitable[Due]]
"""Asked with the service and business time."""


class AdvanceBody(Wire):
    """How far ahead of real time business time is to be: said twice it is done once, and every clock that is equally
    far ahead says the same."""

    ahead_seconds: Annotated[int, Field(ge=0, le=10**10)]


def clock_router(name: str, look: LookForDue) -> APIRouter:
    """The three doors. `app.state.loops` must be the service's loops, and `service.clock` one that moves."""
    router = APIRouter(route_class=StrictRoute, include_in_schema=False)

    @router.get(CLOCK_PATH)
    @guarded(service_required)
    async def show(request: Request) -> Response:
        return answer(await _state(request, look, failed=[]))

    @router.post(ADVANCE_PATH)
    @guarded(service_required)
    async def advance(request: Request, body: AdvanceBody) -> Response:
        service = request.app.state.service
        keeper = Keeper(name, service.database, service.redis, _clock_of(request))
        await keeper.move(body.ahead_seconds)
        return answer(await _state(request, look, failed=[]))

    @router.post(WORK_PATH)
    @guarded(service_required)
    async def work(request: Request) -> Response:
        loops: Sequence[Loop] = request.app.state.loops
        failed = [loop.name for loop in loops if loop.by_clock and not await run_to_its_end(loop)]
        while await outbox.number_committed(request.app.state.service.database):
            pass
        return answer(await _state(request, look, failed=failed))

    return router


async def run_to_its_end(loop: Loop) -> bool:
    """Run a loop, after whoever runs it now, until it says that there is no more to do; False where it failed."""
    try:
        async with loop.turn:
            for _ in range(MOST_RUNS):
                if not await loop.run_once():
                    break
    except Exception as error:  # noqa: BLE001 - the other loops work on; who asked is told
        logger.warning("clockwork_failed", loop=loop.name, error=repr(error))
        return False
    return True


def _clock_of(request: Request) -> MovableClock:
    clock = request.app.state.service.clock
    assert isinstance(clock, MovableClock), "outside production the clock moves"
    return clock


async def _state(request: Request, look: LookForDue, *, failed: list[str]) -> ClockState:
    service, clock = request.app.state.service, _clock_of(request)
    now = clock.now()
    due, news, read = await asyncio.gather(
        look(service, now), outbox.position(service.database), positions_read(service.database)
    )
    return {
        "now": now.isoformat(),
        "ahead_seconds": clock.ahead_seconds,
        "next_due": None if due.next_at is None else due.next_at.isoformat(),
        "unsettled": due.unsettled + news.unnumbered,
        "head": news.head,
        "read": read,
        "failed": failed,
    }
