"""Business time moved: the Stripe sandbox's, and that of billing, licensing, fraud and the gateway, together.

An advance goes from stop to stop. The next stop is the earliest instant at which something falls due anywhere; what
falls due within a second of it is of the same stop. There the sandbox does what is due and the services' clocks follow
at once; then its webhooks are waited for, and the services work in rounds until all news has been read and a round
changes nothing. Real time is never moved. In production there is none of this.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from services.gateway.clients.clocks import ClockAway, Reading, SandboxClock, ServiceClock
from services.gateway.service import Gateway
from services.gateway.store.clock_turn import turn_at_clock
from shared import audit
from shared.audit import Actor
from shared.errors import DomainError
from shared.http_client import ServiceClient
from shared.telemetry import logger

MOST_SECONDS = 31 * 24 * 3600
LONGEST_SECONDS = 900.0
"""Of real time, one advance may take."""
STALLED_SECONDS = 90.0
"""So long a stop may stay unsettled while nothing changes: a worker that died holds what it was at for a minute."""
SAY_AFTER_SECONDS = 2.0
WEBHOOKS_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.01
_TOGETHER = timedelta(seconds=1)

States = Mapping[str, Reading]


class NotSettled(Exception):
    """Something that is due at a stop is not done, and nothing changes any more."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """`services` in the order in which news travels."""

    services: Mapping[str, ServiceClock]
    sandbox: SandboxClock

    async def read(self) -> States:
        states = await asyncio.gather(*(clock.read() for clock in self.services.values()))
        return dict(zip(self.services, states, strict=True)) | await self._sandbox_state()

    async def move(self, ahead_seconds: int) -> States:
        """The sandbox first: what it does then, it tells services whose time is the same."""
        await self.sandbox.move(ahead_seconds)
        moved = await asyncio.gather(*(clock.move(ahead_seconds) for clock in self.services.values()))
        return dict(zip(self.services, moved, strict=True)) | await self._sandbox_state()

    async def work(self) -> States:
        """One round, each service after the one whose news it reads."""
        return {name: await clock.work() for name, clock in self.services.items()} | await self._sandbox_state()

    async def _sandbox_state(self) -> dict[str, Reading]:
        return {_SANDBOX: await self.sandbox.read()}


_SANDBOX = "the Stripe sandbox"


@dataclass(frozen=True, slots=True)
class ClockView:
    """Business time and real time, and when something falls due next."""

    now: datetime
    real_now: datetime
    ahead_seconds: int
    next_due: datetime | None


async def show_clock(gateway: Gateway) -> ClockView:
    """How it stands. Raises `not_found` as `advance_clock` does; `clock_not_settled` where a service is away."""
    async with _clocks(gateway) as clocks:
        try:
            states = await clocks.read()
        except ClockAway as error:
            _refuse(str(error), at=gateway.clock.now())
    ahead = max(state.ahead_seconds for state in states.values())
    real_now = gateway.clock.real_now()
    return ClockView(real_now + timedelta(seconds=ahead), real_now, ahead, min(_dues(states), default=None))


async def advance_clock(gateway: Gateway, actor: Actor, seconds: int) -> datetime:
    """Move business time on by so much, doing all that falls due on the way; what it is then. One at a time.

    Raises `not_found` where Stripe's time can't be moved, `clock_busy`, and `clock_not_settled` where it could not go
    on: the clocks then stand where it stopped, and another advance begins with what was left."""
    assert 0 < seconds <= MOST_SECONDS
    async with turn_at_clock(gateway.database) as mine, _clocks(gateway) as clocks:
        if not mine:
            raise DomainError("clock_busy", "The clock is being moved already; wait until it stands.")
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                journey = await _begin(clocks, seconds)
                await journey.go()
        except TimeoutError:
            _refuse(f"it took longer than {LONGEST_SECONDS:.0f} s", at=gateway.clock.now())
        except (ClockAway, NotSettled) as error:
            _refuse(str(error), at=gateway.clock.now())
        now = gateway.clock.now()
        async with gateway.database.transaction() as connection:
            details = {"seconds": seconds, "now": now.isoformat(), "stops": journey.stops}
            await audit.write(connection, actor, "test_clock.advanced", "clock", details, at=now)
    return now


@dataclass
class _Journey:
    """One advance: from `ahead` to `goal`, in seconds before real time."""

    clocks: Clocks
    goal: int
    ahead: int
    stops: int = 0
    states: States = field(default_factory=dict)

    async def go(self) -> None:
        began = time.monotonic()
        while True:
            await self._stop()
            if self.ahead >= self.goal:
                break
            self.ahead = min(self.goal, max(self.ahead, self._next_ahead()))
        logger.info("test_clock_stands", stops=self.stops, took_seconds=round(time.monotonic() - began, 1))

    async def _stop(self) -> None:
        self.states = await self.clocks.move(self.ahead)
        self.stops += 1
        logger.info("test_clock_stops", now=_business_time(self.ahead).isoformat(), stop=self.stops)
        await self._webhooks_arrive()
        await self._settle()

    async def _webhooks_arrive(self) -> None:
        """Bounded: those that can't be delivered are the settling's to complain of."""
        deadline = time.monotonic() + WEBHOOKS_SECONDS
        while time.monotonic() < deadline:
            if not (await self.clocks.sandbox.read()).unsettled:
                return
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _settle(self) -> None:
        """Rounds of work, until one leaves nothing open and has changed nothing. Raises NotSettled."""
        changed_at = said_at = time.monotonic()
        while True:
            before, self.states = self.states, await self.clocks.work()
            left, now = list(open_ends(self.states)), time.monotonic()
            if _progress(before) != _progress(self.states):
                changed_at = now
            elif not left:
                return
            elif now - changed_at > STALLED_SECONDS:
                raise NotSettled("; ".join(left))
            if left:
                if now - said_at > SAY_AFTER_SECONDS:
                    said_at = now
                    logger.info("test_clock_waits", stop=self.stops, left=left)
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    def _next_ahead(self) -> int:
        """How far ahead the next stop is; the goal where nothing falls due before."""
        stop = next_stop(_dues(self.states))
        return self.goal if stop is None else math.ceil((stop - datetime.now(UTC)).total_seconds())


async def _begin(clocks: Clocks, seconds: int) -> _Journey:
    """From where the furthest clock stands: one that was moved alone has the others follow first."""
    ahead = max(state.ahead_seconds for state in (await clocks.read()).values())
    return _Journey(clocks, ahead + seconds, ahead)


def next_stop(dues: Iterator[datetime]) -> datetime | None:
    """The earliest, or the last that falls due less than a second after it."""
    ordered = sorted(dues)
    return max((due for due in ordered if due < ordered[0] + _TOGETHER), default=None)


def open_ends(states: States) -> Iterator[str]:
    """What is not settled, in words."""
    for name, state in states.items():
        if state.unsettled:
            yield f"{name} has {state.unsettled} things to do"
        for loop in state.failed:
            yield f"{name}'s loop {loop} fails"
        for producer, position in state.read:
            if producer in states and position < states[producer].head:
                yield f"{name} has not read all of {producer}'s news"


def _progress(states: States) -> list[tuple[str, int, int, tuple[tuple[str, int], ...]]]:
    return [(name, state.head, state.unsettled, state.read) for name, state in states.items()]


def _dues(states: States) -> Iterator[datetime]:
    return (state.next_due for state in states.values() if state.next_due is not None)


def _business_time(ahead_seconds: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=ahead_seconds)


@asynccontextmanager
async def _clocks(gateway: Gateway) -> AsyncIterator[Clocks]:
    url = gateway.settings.stripe_sandbox_url
    if not url:
        raise DomainError("not_found", "There is no test clock where Stripe itself is used: its time can't be moved.")
    sandbox = SandboxClock(url)
    itself = ServiceClient(gateway.settings.gateway_url, audience="gateway", minter=gateway.minter)
    asked = {"billing": gateway.billing, "licensing": gateway.licensing, "fraud": gateway.fraud, "gateway": itself}
    try:
        yield Clocks({name: ServiceClock(client) for name, client in asked.items()}, sandbox)
    finally:
        await itself.close()
        await sandbox.close()


def _refuse(why: str, *, at: datetime) -> NoReturn:
    logger.error("test_clock_not_settled", why=why, now=at.isoformat())
    raise DomainError(
        "clock_not_settled",
        f"The clock stands at {at.isoformat()}: {why}. Mend it and advance again.",
        extra={"now": at},
    )
