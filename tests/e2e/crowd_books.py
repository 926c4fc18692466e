"""Does the ledger say what a crowd's callers were told, call by call and to the millicredit?

A complete answer is in the ledger once, for what it said; a refusal for nothing; calls with one Idempotency-Key once
together. What else is charged belongs to calls that had no answer, at most once each, and usage says how they ended.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.e2e import books
from tests.e2e.callers import CREDIT, Customer, Operator, bearer, millicredits
from tests.e2e.crowd import Crowd, note, send
from tests.e2e.crowd_calls import MAX_HOLD, TOKEN_PRICE, Once, Purse, Told
from tests.e2e.wire import Line, Lost

T = TypeVar("T")

_AT_ONCE = 8
_KEYS_KNOWN_WITHIN = 30.0
_PAUSE = 0.3


@dataclass
class Found:
    """Figures of one comparison; amounts in millicredits."""

    answers: int = 0
    said: int = 0
    unanswered: int = 0
    unanswered_cost: int = 0
    forwarded_again: int = 0
    keys: int = 0
    lost: int = 0
    left: int = 0
    spent: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def settle_keys(crowd: Crowd, operator: Operator, gateway: str) -> None:
    """Send each Idempotency-Key until it is known to be paid; everybody has enough for that. What was refused alone is
    forgotten: a charge for it would be one that nobody can explain."""
    for purse in crowd.purses:
        purse.onces = [once for once in purse.onces if once.may_be_paid]
        operator.grant(purse.customer, MAX_HOLD * len(purse.onces) + 10 * MAX_HOLD)
    work = [(purse, once) for purse in crowd.purses for once in purse.onces]
    _each(gateway, work, lambda line, one: _settle_key(line, *one))


async def _settle_key(line: Line, purse: Purse, once: Once) -> None:
    deadline = time.monotonic() + _KEYS_KNOWN_WITHIN
    once.original = None
    while once.original is None:
        assert time.monotonic() < deadline, f"{once.name} is never known to be paid"
        try:
            reply = await send(line, purse.once_key, once.ask, name=once.name)
        except Lost:
            continue
        note(purse, once, reply)
        if reply.status not in (200, 409):
            assert reply.status == 503, (once.name, reply.status, reply.code)
        if reply.code != "already_charged" and reply.status != 200:
            await asyncio.sleep(_PAUSE)


def assert_charged_as_told(crowd: Crowd, gateway: str, *, unanswered: set[str], settles_within: float) -> Found:
    """`unanswered`: the outcomes that usage may say of charged calls without an answer."""
    found = Found()

    async def one(line: Line, purse: Purse) -> None:
        deadline = time.monotonic() + settles_within
        while True:
            figures = Found()
            differences = await _Comparison(line, purse, unanswered, figures).differences()
            if not differences or time.monotonic() > deadline:
                break
            await asyncio.sleep(_PAUSE)
        assert not differences, f"{len(differences)} of {purse.customer.account_id}: {differences[:6]}"
        _add(found, figures)

    _each(gateway, crowd.purses, one)
    assert found.spent == found.said + found.unanswered_cost, found
    return found


class _Comparison:
    """Of one account, at one moment."""

    def __init__(self, line: Line, purse: Purse, unanswered: set[str], found: Found) -> None:
        self._line, self._purse, self._allowed, self._found = line, purse, unanswered, found
        self._wrong: list[str] = []
        self._known: set[str] = set()

    async def differences(self) -> list[str]:
        purse, found = self._purse, self._found
        self._cost = await asyncio.to_thread(_calls_alone, purse.customer)
        found.spent, found.lost, found.left = sum(self._cost.values()), purse.lost, purse.left
        for each in purse.told:
            await self._answered(each, each.request_id)
        for once in purse.onces:
            await self._paid_once(once)
        for reference in self._cost.keys() - self._known:
            await self._unanswered(reference)
        if found.unanswered > purse.lost + purse.left + sum(once.was_lost or once.was_left for once in purse.onces):
            self._wrong.append(f"{found.unanswered} calls without an answer are charged: more than there were")
        return self._wrong

    async def _answered(self, each: Told, reference: str) -> None:
        if reference in self._known:
            self._wrong.append(f"{reference} was told twice")
        self._known.add(reference)
        expected = 0 if each.status != 200 else each.charged
        if each.tokens is not None and each.charged != each.tokens * TOKEN_PRICE:
            expected = await self._by_tokens(each, reference)
        self._found.answers += 1
        self._found.said += expected or 0
        if self._cost.get(reference, 0) != expected or each.charged not in (None, expected):
            self._wrong.append(f"{reference}: {each}, in the ledger {self._cost.get(reference)}, by usage {expected}")

    async def _by_tokens(self, each: Told, reference: str) -> int:
        """What usage says: no more than was held, and all of it where that was enough."""
        if reference in self._purse.agreed:
            return self._purse.agreed[reference]
        record = await self._record(reference)
        assert each.tokens is not None
        credits, held = millicredits(record["credits"]), millicredits(record["held"])
        if credits != min(held, each.tokens * TOKEN_PRICE) or held > MAX_HOLD * CREDIT:
            self._wrong.append(f"{reference}: {each.tokens} tokens, {record}")
        elif credits == self._cost.get(reference):
            self._purse.agreed[reference] = credits
        return credits

    async def _paid_once(self, once: Once) -> None:
        found, original = self._found, once.original
        assert original is not None
        found.keys += 1
        if len(once.paid) > 1:
            self._wrong.append(f"{once.name} was answered {len(once.paid)} times")
        if once.paid:
            found.forwarded_again += once.paid[0].request_id != original
            await self._answered(once.paid[0], original)
            return
        await self._unanswered(original)
        self._known.add(original)

    async def _unanswered(self, reference: str) -> None:
        """Charged, or not, for an answer that nobody has had."""
        cost = self._cost.get(reference, 0)
        if cost == 0:
            return
        record = await self._record(reference)
        is_keyed = record["key_id"] == self._purse.once_key_id
        is_original = any(once.original == reference for once in self._purse.onces)
        if cost < 0 or record["outcome"] not in self._allowed or is_keyed != is_original:
            self._wrong.append(f"{reference} costs {cost}, unanswered: {record}")
        self._found.unanswered += 1
        self._found.unanswered_cost += cost
        self._found.outcomes[record["outcome"]] += 1

    async def _record(self, reference: str) -> dict[str, Any]:
        headers = bearer(self._purse.customer.token)
        reply = await self._line.ask("GET", f"/api/v1/usage/requests/{reference}", headers)
        assert reply.status == 200, (reference, reply.status, reply.code)
        record: dict[str, Any] = reply.json()
        return record


def _calls_alone(customer: Customer) -> dict[str, int]:
    return {name: cost for name, cost in books.net_by_reference(customer).items() if str(name).startswith("req_")}


def _add(total: Found, one: Found) -> None:
    for name, value in vars(one).items():
        if isinstance(value, int):
            setattr(total, name, getattr(total, name) + value)
    for outcome, count in one.outcomes.items():
        total.outcomes[outcome] += count


def _each(gateway: str, work: Iterable[T], do: Callable[[Line, T], Awaitable[None]]) -> None:
    """A few at a time, each worker on a connection of its own."""
    waiting = list(work)

    async def worker() -> None:
        line = Line(gateway)
        while waiting:
            await do(line, waiting.pop())
        line.close()

    async def everybody() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(worker())

    asyncio.run(everybody())
