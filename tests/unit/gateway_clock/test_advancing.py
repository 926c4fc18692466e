"""An advance's stops, and when a stop is settled; the clocks themselves are stand-ins at the clients' edge."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from services.gateway.clients.clocks import Reading, SandboxClock, ServiceClock
from services.gateway.use_cases import test_clock
from services.gateway.use_cases.test_clock import Clocks, NotSettled, _begin, next_stop, open_ends

HOUR = 3_600
STILL = Reading(ahead_seconds=0, next_due=None, unsettled=0)


@dataclass
class Clock:
    """One that has things due so many seconds from its beginning, and news to tell of each once it has worked."""

    due: list[int] = field(default_factory=list)
    state: Reading = STILL
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    stops: list[int] = field(default_factory=list)

    async def read(self) -> Reading:
        now = datetime.now(UTC) + timedelta(seconds=self.state.ahead_seconds)
        later = [at for at in (self.began + timedelta(seconds=due) for due in self.due) if at > now]
        return replace(self.state, next_due=min(later, default=None))

    async def move(self, ahead_seconds: int) -> Reading:
        self.stops.append(ahead_seconds)
        self.state = replace(self.state, ahead_seconds=ahead_seconds)
        return await self.read()

    async def work(self) -> Reading:
        return await self.read()


def clocks(sandbox: Clock | None = None, **services: Clock) -> Clocks:
    stands_in = {name: cast(ServiceClock, clock) for name, clock in services.items()}
    return Clocks(stands_in, cast(SandboxClock, sandbox or Clock()))


async def test_stops_wherever_something_is_due_and_ends_at_the_goal() -> None:
    billing, sandbox = Clock(due=[HOUR, 5 * HOUR]), Clock(due=[2 * HOUR, 30 * HOUR])
    await (await _begin(clocks(sandbox, billing=billing), 24 * HOUR)).go()
    assert billing.stops == sandbox.stops
    assert [round(stop / HOUR, 2) for stop in billing.stops] == [0, 1, 2, 5, 24]


async def test_who_is_behind_catches_up_first() -> None:
    billing, sandbox = Clock(), Clock(state=replace(STILL, ahead_seconds=HOUR))
    await (await _begin(clocks(sandbox, billing=billing), 60)).go()
    assert billing.stops == [HOUR, HOUR + 60]


def test_what_is_due_within_a_second_is_one_stop() -> None:
    at = datetime(2027, 1, 31, tzinfo=UTC)
    assert next_stop(iter([])) is None
    assert next_stop(iter([at + timedelta(seconds=1), at])) == at
    later = at + timedelta(milliseconds=999)
    assert next_stop(iter([later, at, at + timedelta(hours=1)])) == later


@pytest.mark.parametrize(
    ("billing", "licensing", "left"),
    [
        (STILL, STILL, 0),
        (replace(STILL, unsettled=1), STILL, 1),
        (replace(STILL, head=7), replace(STILL, read=(("billing", 6),)), 1),
        (replace(STILL, head=7), replace(STILL, read=(("billing", 7), ("somebody else", 1))), 0),
        (STILL, replace(STILL, failed=("mails",)), 1),
    ],
)
def test_a_stop_is_open_while_anything_is_left(billing: Reading, licensing: Reading, left: int) -> None:
    assert len(list(open_ends({"billing": billing, "licensing": licensing}))) == left


async def test_what_does_not_settle_ends_the_advance_and_says_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_clock, "STALLED_SECONDS", 0.05)
    stuck = Clock(due=[HOUR], state=replace(STILL, failed=("stripe-events",)))
    with pytest.raises(NotSettled, match="billing's loop stripe-events fails"):
        await (await _begin(clocks(billing=stuck), 2 * HOUR)).go()
    assert stuck.stops == [0], "it stays where it is stuck"
