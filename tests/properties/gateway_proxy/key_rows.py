"""One key's row in memory, as PostgreSQL keeps it, and processes that are stepped one suspension at a time."""

from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.billing.domain.ledger.decide import decide
from services.billing.domain.ledger.items import Call, Capture, Charge, Hold, Item, Release, Reverse
from services.gateway.domain.paid_repeat import Intent, Kept, Step, judge
from services.gateway.store.paid_repeats import Holder, Place, Run
from tests.properties.billing_ledger.model import NOW, Model, funded

ACCOUNT = "acct_a"


class Pause:
    """A suspension: other processes may go first, and this one may die."""

    def __await__(self) -> Generator[None]:
        yield None


class Process:
    """One coroutine, begun at its first step and stepped from outside."""

    def __init__(self, begin: Callable[["Process"], Coroutine[Any, Any, Any]]) -> None:
        self._begin = begin
        self._coroutine: Coroutine[Any, Any, Any] | None = None
        self.is_over = False

    def step(self) -> None:
        if self.is_over:
            return
        if self._coroutine is None:
            self._coroutine = self._begin(self)
        try:
            self._coroutine.send(None)
        except StopIteration:
            self.is_over = True

    def die(self) -> None:
        """As by `kill -9`: what it would have done next is not done."""
        self.is_over = True
        if self._coroutine is not None:
            self._coroutine.close()

    def finish(self) -> None:
        while not self.is_over:
            self.step()


@dataclass(frozen=True)
class _Row:
    owner: UUID
    kept: Kept


class Rows:
    """What `store.paid_repeats` does, of one key. Each call is atomic, with a suspension before and after it."""

    def __init__(self) -> None:
        self.row: _Row | None = None

    def lapse(self) -> None:
        if self.row is not None:
            self.row = replace(self.row, kept=replace(self.row.kept, lease_is_live=False))

    async def take(self, place: Place, run: Run) -> tuple[Step, Kept] | None:
        await Pause()
        found = self._take(place, run)
        await Pause()
        return found

    def _take(self, place: Place, run: Run) -> tuple[Step, Kept] | None:
        if self.row is None:
            self.row = _Row(place.owner, _anew(run))
            return None
        kept = self.row.kept
        step = judge(kept, run.asked)
        self.row = _Row(place.owner, replace(kept, lease_is_live=True))
        return step, kept

    async def restart(self, place: Place, run: Run) -> bool:
        return await self._change(place, lambda _: _anew(run))

    async def intend(self, place: Place, intent: Intent) -> bool:
        return await self._change(place, lambda kept: replace(kept, intent=intent), state="running")

    async def answer(self, place: Place) -> bool:
        return await self._change(place, lambda kept: replace(kept, state="answered"), state="running")

    async def give_up(self, place: Place, charge_id: UUID) -> Holder:
        await Pause()
        holder = Holder.NOBODYS
        if self.row is not None and self.row.kept.charge_id == charge_id:
            holder = Holder.MINE if self.row.owner == place.owner else Holder.ANOTHERS
        if holder is Holder.MINE and self.row is not None:
            self.row = replace(self.row, kept=replace(self.row.kept, state="undoing"))
        await Pause()
        return holder

    async def forget(self, place: Place) -> None:
        await Pause()
        if self.row is not None and self.row.owner == place.owner and self.row.kept.state != "answered":
            self.row = None

    async def let_go(self, place: Place) -> None:
        await Pause()
        if self.row is not None and self.row.owner == place.owner:
            self.lapse()

    async def _change(self, place: Place, change: Any, *, state: str | None = None) -> bool:
        await Pause()
        row = self.row
        is_mine = row is not None and row.owner == place.owner and state in (None, row.kept.state)
        if row is not None and is_mine:
            self.row = replace(row, kept=change(row.kept))
        await Pause()
        return is_mine


def _anew(run: Run) -> Kept:
    return Kept("running", run.asked, run.charge_id, run.terms, None, lease_is_live=True, is_over=False)


class Billing:
    """Billing's own decider over a book in memory."""

    def __init__(self) -> None:
        self.model: Model = funded({ACCOUNT: 10_000})

    async def post(self, item: Any) -> Any:
        await Pause()
        decision = decide(self.model.book(), [_item(item)], now=NOW)
        self.model.take(decision)
        result = decision.results[0]
        await Pause()
        return {
            "verdict": str(result.verdict), "charged": result.charged, "held": result.held,
            "available": result.available, "balance": result.balance,
        }  # fmt: skip

    @property
    def spent(self) -> int:
        return 10_000 - self.model.wallets[ACCOUNT].balance

    @property
    def held(self) -> int:
        return self.model.wallets[ACCOUNT].held


def _item(said: Any) -> Item:
    """The wire's item as billing reads it."""
    account, amount = said["account_id"], said.get("amount", 0)
    if said["op"] == "reverse":
        return Reverse(UUID(said["id"]), UUID(said["charge_id"]), account, said["outcome"])
    if said["op"] == "release":
        return Release(UUID(said["hold_id"]), account, said["outcome"])
    usage = said["usage"]
    call = Call(UUID(usage["request_id"]), usage["route"], usage["key_id"], usage["price_version"])
    if said["op"] == "charge":
        return Charge(UUID(said["id"]), account, amount, call)
    if said["op"] == "hold":
        return Hold(UUID(said["id"]), account, amount, said["at_least"], said["expires_in_ms"], call)
    return Capture(UUID(said["id"]), UUID(said["hold_id"]), account, amount, call)
