"""Hundreds of callers on few accounts that run dry at random: calls of every price, streamed or not, that fail, that
are repeated, whose callers hang up. What each was told is kept; `crowd_books` compares it with the ledger.

The callers are coroutines in a thread of their own, so that a test may kill what it likes meanwhile.
"""

import asyncio
import json
import random
import threading
import time
from collections import Counter
from typing import Self

from tests.e2e.callers import CREDIT, FIRST_KEY, Customer, Operator, bearer, register, side_by_side
from tests.e2e.crowd_calls import LEAVE_WITHIN, MAX_HOLD, TOKEN_PRICE, Ask, Menu, Once, Purse, told
from tests.e2e.waiting import eventually
from tests.e2e.wire import Left, Line, Lost, Reply, Unreached

_TOP_UP_EVERY = 0.15
_STOPS_WITHIN = 90.0


def purses(operator: Operator, gateway: str, count: int) -> list[Purse]:
    """Accounts with 5 to 60 credits, each with two keys without limits."""
    made = side_by_side(lambda _: _purse(operator, gateway), range(count), threads=4)
    eventually(lambda: not any(map(_is_limited, made)), seconds=5, what="the limits are lifted")
    return made


def _purse(operator: Operator, gateway: str) -> Purse:
    customer = register(gateway)
    operator.grant(customer, FIRST_KEY // CREDIT)
    keys = customer.key(), customer.key()
    for key in keys:
        operator.limit(key, per_minute=None, per_day=None)
    debit = {"credits": FIRST_KEY // CREDIT - random.randint(5, 60), "reason": "a test"}
    answer = operator.send("POST", f"accounts/{customer.account_id}/debits", debit)
    assert answer.status_code == 201, answer.text
    return Purse(customer, keys[0].text, keys[1].text, keys[1].id)


def _is_limited(purse: Purse) -> bool:
    headers = bearer(purse.once_key)
    return "ratelimit" in purse.customer.http.get("/proxy/echo/status/404", headers=headers).headers


def metered_route(operator: Operator) -> str:
    price = {"per_1000_tokens": TOKEN_PRICE * 1_000 // CREDIT}
    return operator.route("/demo", price=price, format="openai", max_hold=MAX_HOLD, timeout_ms=8_000)


class Crowd:
    """Works while it is entered. `is_killing`: connections may break, and the callers go on."""

    def __init__(
        self, operator: Operator, gateway: str, purses: list[Purse], route: str, *, callers: int, seed: int
    ) -> None:
        self.purses = purses
        self.statuses: Counter[tuple[int, str]] = Counter()
        self.paid = 0
        self._operator, self._gateway = operator, gateway
        self._menu, self._callers, self._seed = Menu(route), callers, seed
        self._is_over = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(_STOPS_WITHIN)
        assert not self._thread.is_alive(), "every call ends"
        if self._error is not None:
            raise self._error

    def wait_for_more_paid(self, count: int, *, seconds: float) -> None:
        wanted = self.paid + count
        eventually(lambda: self._looked().paid >= wanted, seconds=seconds, what=f"{count} more calls are paid")

    def run_for(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        eventually(lambda: self._looked() and time.monotonic() >= ends, seconds=seconds + 5, what="the time is over")

    def _looked(self) -> Self:
        if self._error is not None:
            raise self._error
        return self

    def _work(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:  # noqa: BLE001
            self._error = error

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fill_up())
            for number in range(self._callers):
                group.create_task(self._call_on(random.Random(self._seed + number)))

    async def _fill_up(self) -> None:
        """Give a little to somebody, so that accounts come up and run dry again."""
        dice, line = random.Random(self._seed - 1), Line(self._gateway)
        while not self._is_over.is_set():
            await asyncio.sleep(_TOP_UP_EVERY)
            purse = dice.choice(self.purses)
            body = json.dumps({"credits": dice.randint(5, 80), "reason": "a test"}).encode()
            headers = {**bearer(self._operator.token), "Content-Type": "application/json"}
            path = f"/api/v1/admin/accounts/{purse.customer.account_id}/grants"
            try:
                await line.ask("POST", path, headers, body)
            except Lost:
                continue
        line.close()

    async def _call_on(self, dice: random.Random) -> None:
        line = Line(self._gateway)
        while not self._is_over.is_set():
            purse, at = dice.choice(self.purses), dice.random()
            if at < 0.07:
                await self._leave(line, purse, dice)
            elif at < 0.20:
                await self._once(line, purse, dice)
            else:
                await self._plain(line, purse, dice)
        line.close()

    async def _plain(self, line: Line, purse: Purse, dice: random.Random) -> None:
        try:
            reply = await send(line, purse.plain_key, self._menu.plain(dice))
        except Lost as lost:
            purse.lost += not isinstance(lost, Unreached)
            await asyncio.sleep(dice.uniform(0.05, 0.3))
            return
        purse.told.append(told(reply))
        await self._take_in(reply, dice)

    async def _leave(self, line: Line, purse: Purse, dice: random.Random) -> None:
        """Hang up long before the answer can have come."""
        try:
            wait = dice.uniform(0.001, LEAVE_WITHIN)
            purse.told.append(told(await send(line, purse.plain_key, self._menu.slow(dice), leave_after=wait)))
        except Left:
            purse.left += 1
        except Lost as lost:
            purse.lost += not isinstance(lost, Unreached)

    async def _once(self, line: Line, purse: Purse, dice: random.Random) -> None:
        """Up to three times the same, one after the other or at once; the first may hang up."""
        is_left = dice.random() < 0.15
        once = Once(f"once-{dice.getrandbits(64):x}", self._menu.slow(dice) if is_left else self._menu.once(dice))
        purse.onces.append(once)
        if is_left:
            await self._once_more(line, purse, once, dice, leave_after=dice.uniform(0.001, LEAVE_WITHIN))
        if dice.random() < 0.3:
            other = Line(self._gateway)
            await asyncio.gather(*(self._once_more(each, purse, once, dice) for each in (line, other)))
            other.close()
        for _ in range(dice.randint(0, 2)):
            await self._once_more(line, purse, once, dice)

    async def _once_more(
        self, line: Line, purse: Purse, once: Once, dice: random.Random, *, leave_after: float | None = None
    ) -> None:
        try:
            reply = await send(line, purse.once_key, once.ask, name=once.name, leave_after=leave_after)
        except Lost as lost:
            once.was_lost |= not isinstance(lost, Unreached)
            once.may_be_paid |= once.was_lost
            await asyncio.sleep(dice.uniform(0.05, 0.3))
            return
        except Left:
            once.was_left = once.may_be_paid = True
            return
        note(purse, once, reply)
        await self._take_in(reply, dice)

    async def _take_in(self, reply: Reply, dice: random.Random) -> None:
        self.statuses[reply.status, reply.code if reply.status >= 400 else ""] += 1
        self.paid += reply.status == 200
        if reply.status in (402, 503):
            await asyncio.sleep(dice.uniform(0.05, 0.5))


async def send(line: Line, key: str, ask: Ask, *, name: str | None = None, leave_after: float | None = None) -> Reply:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    if name is not None:
        headers["Idempotency-Key"] = name
    return await line.ask(ask.method, ask.path, headers, ask.body, leave_after=leave_after)


def note(purse: Purse, once: Once, reply: Reply) -> None:
    """Keep what a call with an Idempotency-Key was told."""
    if reply.code == "already_charged":
        assert reply.headers["x-should-retry"] == "false"
        once.original = str(reply.json()["original_request_id"])
        once.may_be_paid = True
    elif reply.status == 200:
        once.may_be_paid = True
        once.paid.append(told(reply))
    else:
        once.may_be_paid |= reply.status != 402
        purse.told.append(told(reply))


def anybody(purses: list[Purse]) -> list[Customer]:
    return [purse.customer for purse in purses]
