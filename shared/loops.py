"""Background loops: small pieces of work that are safe to run twice at once, each in a task of its own.

A loop that fails says so and tries again after a pause that doubles up to half a minute; it never ends the process.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from shared.telemetry import logger

_LONGEST_PAUSE_SECONDS = 30.0
CANCEL_AGAIN_AFTER_SECONDS = 0.5


@dataclass(frozen=True)
class Loop:
    """`run_once` says whether there may be more to do at once; otherwise the loop rests `every_seconds`,
    or until `bell` is set. One that `rests_first` does not begin with the process. One that goes `by_clock` has work
    that falls due by business time, or that news brings: the test clock runs it to its end at each stop. In one process
    it never runs twice at once: who runs it holds its `turn`."""

    name: str
    every_seconds: float
    run_once: Callable[[], Awaitable[bool]]
    bell: asyncio.Event | None = field(default=None, compare=False)
    rests_first: bool = False
    by_clock: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, compare=False, repr=False)


async def run_forever(loop: Loop) -> None:
    """Run one loop until its task is cancelled."""
    failures = 0
    if loop.rests_first:
        await _rest(loop)
    while True:
        try:
            async with loop.turn:
                more = await loop.run_once()
            failures = 0
        except Exception as error:  # noqa: BLE001 - a loop outlives whatever its work runs into
            failures += 1
            logger.warning("loop_failed", loop=loop.name, failures=failures, error=repr(error))
            await asyncio.sleep(min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(failures, 6)))
            continue
        if not more:
            await _rest(loop)


async def _rest(loop: Loop) -> None:
    if loop.bell is None:
        await asyncio.sleep(loop.every_seconds)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(loop.every_seconds):
            await loop.bell.wait()
    loop.bell.clear()


@contextlib.asynccontextmanager
async def running(loops: Sequence[Loop]) -> AsyncIterator[None]:
    """Keep the loops running for the length of a `with` block."""
    tasks = [asyncio.create_task(run_forever(loop), name=f"loop:{loop.name}") for loop in loops]
    try:
        yield
    finally:
        await stop(tasks)


async def stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended. Once is not always enough: a driver that is just connecting may take the
    cancellation for a timeout of its own, and the task goes on."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_AGAIN_AFTER_SECONDS)
