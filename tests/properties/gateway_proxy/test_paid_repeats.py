"""Whatever dies, stalls or is sent again, in whatever order: with one Idempotency-Key at most one answer ends, and when
everybody is done the call is in the ledger exactly once, and nothing else is."""

import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.domain.paid_repeat import Asked
from services.gateway.domain.price import Price
from services.gateway.store.paid_repeats import Place
from services.gateway.use_cases.paid_call.ticket import Ticket
from shared.errors import DomainError
from tests.properties.billing_ledger.model import NOW, uuid_of
from tests.properties.gateway_proxy.key_rows import ACCOUNT, Billing, Pause, Process, Rows

CHARGE, COST = 100, 30
ASKED = Asked(b"t" * 32, None)
PRICE = Price(version=1, per_call=CHARGE, per_1000_tokens=0, per_unit=0, minimum=0)
METERED = Price(version=1, per_call=0, per_1000_tokens=1_000, per_unit=0, minimum=0)
CLOCK = SimpleNamespace(real_now=lambda: NOW)


@dataclass
class World:
    """A key, and the calls that bear it. `answers` are those whose last byte left, by what they said they cost."""

    op: str
    billing: Billing = field(default_factory=Billing)
    rows: Rows = field(default_factory=Rows)
    answers: list[int] = field(default_factory=list)
    calls: list[Process] = field(default_factory=list)
    undoings: list[tuple[Process, Process]] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def relieve(self, fails: bool) -> None:
        self.rows.lapse()
        self.begin(fails)

    def begin(self, fails: bool) -> None:
        self.calls.append(Process(lambda process: self._call(process, fails=fails)))

    def new_uuid(self) -> Any:
        return uuid_of(next(self.numbers))

    async def _call(self, process: Process, *, fails: bool) -> None:
        ticket, call_id = self._ticket(process)
        try:
            await self._paid(ticket, call_id, fails=fails)
        except DomainError:
            await ticket.end_unanswered()

    def _ticket(self, process: Process) -> tuple[Ticket, str]:
        def later(work: Any, *, account_id: str) -> None:
            self.undoings.append((process, Process(lambda _: work())))

        call_id = self.new_uuid()
        price = PRICE if self.op == "charge" else METERED
        call = SimpleNamespace(
            id=str(call_id), request=SimpleNamespace(presence=SimpleNamespace(has_left=False)),
            route=SimpleNamespace(price=price, name="echo"), usage=lambda _: _usage(call_id, 0),
        )  # fmt: skip
        desk = SimpleNamespace(ledger=self.billing, clock=CLOCK, hold_margin_ms=60_000, new_uuid=self.new_uuid)
        ticket = Ticket(
            cast(Any, desk), cast(Any, call), undo=cast(Any, SimpleNamespace(work_later=later)),
            repeats=cast(Any, self.rows), place=Place(ACCOUNT, b"k" * 32, self.new_uuid()), asked=ASKED,
        )  # fmt: skip
        return ticket, str(call_id)

    async def _paid(self, ticket: Ticket, call_id: str, *, fails: bool) -> None:
        result = await ticket.post(self._item(call_id))
        if result["verdict"] != "posted":
            raise DomainError("refused", "")
        await Pause()
        if fails:
            await ticket.post(_undoing(self.op, call_id, str(self.new_uuid())))
            return
        if self.op == "hold":
            result = await ticket.post(_capture(call_id, str(self.new_uuid())))
            if result["verdict"] != "posted":
                ticket.later()
                raise DomainError("refused", "")
        await ticket.say_answered()
        self.answers.append(result["charged"])

    def _item(self, call_id: str) -> Any:
        item = {"op": self.op, "id": call_id, "account_id": ACCOUNT, "amount": CHARGE, "usage": _usage(call_id, 0)}
        return item if self.op == "charge" else {**item, "at_least": 1, "expires_in_ms": 60_000}

    def run(self, how: tuple[int, int]) -> None:
        """So many steps of one of the last calls."""
        who, steps = how
        for _ in range(steps if who < len(self.calls) else 0):
            self.calls[-1 - who].step()

    def undo(self, how: tuple[int, int]) -> None:
        """Steps of what was left to be undone, where its process lives."""
        who, steps = how
        live = [work for _, work in self.undoings if not work.is_over]
        for _ in range(steps if who < len(live) else 0):
            live[who].step()

    def kill(self, number: int) -> None:
        if number < len(self.calls):
            victim = self.calls[-1 - number]
            victim.die()
            for process, work in self.undoings:
                if process is victim:
                    work.die()

    def end(self) -> None:
        """Everybody who lives goes on to the end; leases lapse; then the key is sent once more and answered."""
        for _ in range(2):
            for call in self.calls:
                call.finish()
            for _, work in self.undoings:
                work.finish()
            self.rows.lapse()
            if not self.answers:
                self.begin(False)


def _usage(call_id: Any, tokens: int) -> Any:
    return {
        "request_id": str(call_id), "route": "echo", "key_id": "key_1", "price_version": 1,
        "units": {"calls": 1, "tokens": tokens, "units": 0}, "outcome": "unknown", "flagged": False,
    }  # fmt: skip


def _undoing(op: str, call_id: str, reversal_id: str) -> Any:
    if op == "hold":
        return {"op": "release", "hold_id": call_id, "account_id": ACCOUNT, "outcome": "upstream_failed"}
    return {
        "op": "reverse", "id": reversal_id, "charge_id": call_id, "account_id": ACCOUNT, "outcome": "upstream_failed",
    }  # fmt: skip


def _capture(call_id: str, capture_id: str) -> Any:
    return {
        "op": "capture", "id": capture_id, "hold_id": call_id, "account_id": ACCOUNT, "amount": COST,
        "usage": _usage(call_id, COST),
    }  # fmt: skip


_some = st.tuples(st.integers(0, 2), st.integers(1, 12))
acts = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["begin", "relieve"]), st.sampled_from([False, False, True])),
        st.tuples(st.sampled_from(["run", "run", "undo"]), _some),
        st.tuples(st.just("kill"), st.integers(0, 2)),
    ),
    max_size=14,
)
"""`relieve` is a repeat that finds the lease lapsed. A call has some ten suspensions."""


@pytest.mark.parametrize("op", ["charge", "hold"])
@settings(max_examples=600)
@given(script=acts)
def test_one_key_is_answered_at_most_once_and_then_charged_exactly_once(op: str, script: list[Any]) -> None:
    world = World(op)
    for act, how in script:
        getattr(world, act)(how)
        assert len(world.answers) <= 1
    world.end()
    row = world.rows.row
    assert row is not None and row.kept.state == "answered"
    assert len(world.answers) == 1 or "kill" in dict(script), "who dies between saying so and the last byte was paid"
    assert world.billing.spent == (CHARGE if op == "charge" else COST)
    assert world.answers in ([], [world.billing.spent])
    assert world.billing.held == 0
