"""One call that bears an Idempotency-Key, between the call and billing.

The call pays as any other; its ticket takes the key's row before anything is posted, posts under the id that the row
names, and writes into the row what must be known before it happens: which capture comes, that an id is being given
back, that the answer may end. Where another call took the row over, nothing here is posted or given back any more.
"""

from typing import Any, cast
from uuid import UUID

from services.gateway.clients.billing_ledger import BillingOverloaded, BillingUnavailable
from services.gateway.domain.metering.usage import Usage
from services.gateway.domain.paid_repeat import Asked, Intent, Kept, Step, Terms, in_progress, may_resume
from services.gateway.store.paid_repeats import Holder, PaidRepeats, Place, RepeatsUnavailable, Run
from services.gateway.use_cases.paid_call.crash_points import reach
from services.gateway.use_cases.paid_call.desk import Call, Desk
from services.gateway.use_cases.paid_call.metrics import REPEATS
from services.gateway.use_cases.paid_call.undo import Undo
from shared.contracts import ledger as contract
from shared.errors import DomainError
from shared.ids import encode, milliseconds

_REFUSED_BY_WALLET = ("insufficient_credits", "account_frozen", "id_refused")
_GIVEN_BACK = ("reversed", "hold_lapsed", "not_found")


class Ticket:
    """One a call; the call's desk has it as ledger, undo and outcomes. `id` is what it really pays under."""

    def __init__(self, desk: Desk, call: Call, *, undo: Undo, repeats: PaidRepeats, place: Place, asked: Asked) -> None:
        self._desk = desk
        self._undo = undo
        self._repeats = repeats
        self._call = call
        self._asked = asked
        self.place = place
        self._own_id = self._id = UUID(call.id)
        self._terms: Terms | None = None
        self._intent: Intent | None = None
        self._paid: contract.Result | None = None
        self._reversal_ids: dict[UUID, str] = {}
        self._is_resumed = False
        self._may_be_charged = False
        self._stands = False
        self._delivered: contract.OutcomeItem | None = None
        self.is_running = False
        """Whether the row's lease is to be renewed."""
        self.is_answered = False
        self._is_over = False

    @property
    def resumed_request_id(self) -> str | None:
        """The request whose charge this call goes on with, under which usage knows it; None where it pays its own."""
        return None if self._id == self._own_id else encode("req", self._id)

    # As the call's ledger

    async def post(self, item: contract.Item, /) -> contract.Result:
        """Raises what the ledger raises, and the refusals of a repeat."""
        if item["op"] == "charge" or item["op"] == "hold":
            return await self._authorise(item)
        if item["op"] == "capture":
            return await self._capture(item)
        if item["op"] == "progress":
            return await self._desk.ledger.post(self._renamed(item)) if self._paid is None else _lost()
        return await self._undo_now()

    async def _authorise(self, item: contract.Charge | contract.Hold) -> contract.Result:
        run = self._run_of(item)
        self.is_running = True
        try:
            found = await self._repeats.take(self.place, run)
        except RepeatsUnavailable as error:
            self.is_running = False
            raise _away() from error
        except DomainError as refusal:
            self.is_running, self._is_over = False, True
            REPEATS.labels(refusal.code).inc()
            raise
        reach("after_take")
        if found is None:
            return await self._post_first(item)
        return await self._repeat(item, run, *found)

    async def _repeat(self, item: contract.Charge | contract.Hold, run: Run, step: Step, kept: Kept) -> contract.Result:
        self._id, self._terms, self._intent = kept.charge_id, kept.terms, kept.intent
        self._is_resumed = self._may_be_charged = True
        now_ms = milliseconds(self._desk.clock.real_now())
        fits = may_resume(kept, op=item["op"], now_ms=now_ms, margin_ms=self._desk.hold_margin_ms)
        if step is Step.RESUME and fits:
            result = await self._post_again(item, kept)
            if result["verdict"] not in _GIVEN_BACK:
                REPEATS.labels("resumed").inc()
                return result
        return await self._run_anew(item, run)

    async def _run_anew(self, item: contract.Charge | contract.Hold, run: Run) -> contract.Result:
        """What the row's id charged is given back first, durably; then this call's own id pays."""
        if await self._give_back(forget=False) is None:
            raise in_progress()
        try:
            is_mine = await self._repeats.restart(self.place, run)
        except RepeatsUnavailable as error:
            raise _away() from error
        if not is_mine:
            raise in_progress()
        self._id, self._terms, self._intent = self._own_id, run.terms, None
        self._is_resumed = self._may_be_charged = self._is_over = False
        self.is_running = True
        REPEATS.labels("anew").inc()
        return await self._post_first(item)

    async def _post_first(self, item: contract.Item) -> contract.Result:
        before, self._may_be_charged = self._may_be_charged, True
        try:
            result = await self._desk.ledger.post(item)
        except BillingOverloaded:
            self._may_be_charged = before
            raise
        except BillingUnavailable as error:
            self._may_be_charged = before or error.may_have_been_posted
            raise
        if result["verdict"] == "busy":
            self._may_be_charged = before
        elif result["verdict"] in _REFUSED_BY_WALLET:
            self._may_be_charged = False
        self._stands = result["verdict"] == "posted" and item["op"] == "charge"
        return result

    async def _post_again(self, item: contract.Charge | contract.Hold, kept: Kept) -> contract.Result:
        """The row's own charge or hold, once more; where a capture was meant for it, that capture pays for this."""
        if kept.intent is None:
            again = cast(contract.Item, self._renamed(item) | self._amounts(item))
            return await self._post_first(again)
        result = await self._desk.ledger.post(self._meant(kept.intent))
        if result["verdict"] == "posted":
            self._paid, self._stands = result, True
            return {**result, "charged": 0, "held": kept.terms.amount}
        return result

    def _amounts(self, item: contract.Charge | contract.Hold) -> dict[str, int]:
        assert self._terms is not None
        charge = {"amount": self._terms.amount}
        return charge if item["op"] == "charge" else {**charge, "at_least": self._terms.at_least}

    def _meant(self, intent: Intent) -> contract.Capture:
        usage = self._usage(self._call.usage("unknown")) | {"flagged": True}
        return {
            "op": "capture",
            "id": str(intent.capture_id),
            "hold_id": str(self._id),
            "account_id": self.place.account_id,
            "amount": intent.amount,
            "usage": cast(contract.Usage, usage),
        }

    async def _capture(self, item: contract.Capture) -> contract.Result:
        """The intent is durable before the capture is sent, so whoever comes after pays no other."""
        if self._paid is not None:
            return self._paid
        renamed = cast(contract.Capture, self._renamed(item) | {"amount": self._cost(item)})
        intent = Intent(UUID(renamed["id"]), renamed["amount"])
        try:
            is_mine = await self._repeats.intend(self.place, intent)
        except RepeatsUnavailable as error:
            raise BillingUnavailable(may_have_been_posted=False) from error
        if not is_mine:
            return _lost()
        self._intent = intent
        reach("after_intent")
        result = await self._desk.ledger.post(renamed)
        self._stands = result["verdict"] == "posted"
        return result

    def _cost(self, item: contract.Capture) -> int:
        """By the price that the call began with."""
        if not self._is_resumed:
            return item["amount"]
        assert self._terms is not None
        units = item["usage"]["units"]
        return self._terms.price.cost(Usage(tokens=units["tokens"], units=units["units"]))

    # Giving back

    async def _undo_now(self) -> contract.Result:
        try:
            result = await self._give_back(forget=True)
        except RepeatsUnavailable as error:
            raise BillingUnavailable(may_have_been_posted=True) from error
        if result is None:
            raise in_progress()
        return result

    async def _give_back(self, *, forget: bool) -> contract.Result | None:
        """Everything that may stand under the id, durably; None where another call pays under it by now."""
        self.is_running = False
        holder = await self._repeats.give_up(self.place, self._id)
        if holder is Holder.ANOTHERS:
            self._is_over = True
            return None
        reach("after_giving_up")
        result: contract.Result | None = None
        for item in self._standing():
            result = await self._desk.ledger.post(item)
        self._stands, self._is_over = False, True
        if holder is Holder.MINE and forget:
            await self._forget()
        return result if result is not None else _lost()

    def _standing(self) -> list[contract.Item]:
        """A hold is closed first, so that its expiry charges nothing any more; then what it did charge goes back."""
        if self._terms is None or self._terms.op == "charge":
            return [self._reversal(self._id)]
        release: contract.Release = {
            "op": "release",
            "hold_id": str(self._id),
            "account_id": self.place.account_id,
            "outcome": "upstream_failed",
        }
        items: list[contract.Item] = [release]
        if self._is_resumed:
            items.append(self._reversal(self._id))
        if self._intent is not None:
            items.append(self._reversal(self._intent.capture_id))
        return items

    def _reversal(self, charge_id: UUID) -> contract.Reverse:
        return {
            "op": "reverse",
            "id": self._reversal_ids.setdefault(charge_id, str(self._desk.new_uuid())),
            "charge_id": str(charge_id),
            "account_id": self.place.account_id,
            "outcome": "upstream_failed",
        }

    # As the call's undo and outcomes

    def later(self, *_items: contract.Reverse | contract.Release) -> None:
        """The call got no answer: give everything back as soon as that can be done, unless it was answered."""
        if self.is_answered or self._is_over:
            return
        self._is_over, self.is_running = True, False
        work = self._give_back_later if self._may_be_charged else self._forget
        self._undo.work_later(work, account_id=self.place.account_id)

    async def _give_back_later(self) -> None:
        await self._give_back(forget=True)

    def tell(self, item: contract.OutcomeItem, /) -> None:
        """That it was delivered is told once the answer may end."""
        named: contract.OutcomeItem = {**item, "request_id": str(self._id)}
        if item["outcome"] == "delivered" and not self.is_answered:
            self._delivered = named
        else:
            self._desk.outcomes.tell(named)

    # The row's end

    async def say_answered(self) -> None:
        """Before the answer's last byte. What is not charged has no row any more, and nothing to say. Raises
        `service_unavailable`, `idempotency_in_progress`: the answer must not end, and is given back."""
        if self._is_over or self.is_answered or not self._stands:
            return
        reach("before_answered")
        try:
            is_mine = await self._repeats.answer(self.place)
        except RepeatsUnavailable as error:
            self.later()
            raise _away() from error
        if not is_mine:
            self.later()
            raise in_progress()
        self.is_answered, self.is_running = True, False
        if self._delivered is not None:
            self._desk.outcomes.tell(self._delivered)
        reach("after_answered")

    async def end_unanswered(self) -> None:
        """The call is over without an answer's end. Who left may not have it again for nothing; what may be charged
        waits for the repeat; what is not leaves no trace."""
        if self._is_over or self.is_answered:
            return
        if self._stands and self._call.request.presence.has_left:
            await self._answered_for_leaver()
            return
        self.is_running, self._is_over = False, True
        try:
            await (self._repeats.let_go(self.place) if self._may_be_charged else self._repeats.forget(self.place))
        except RepeatsUnavailable:
            return

    def leave_to_its_lease(self) -> None:
        """The call was broken off: a repeat may follow once the lease has lapsed."""
        self.is_running = False

    async def _answered_for_leaver(self) -> None:
        self.is_running, self._is_over = False, True
        try:
            await self._repeats.answer(self.place)
        except RepeatsUnavailable:
            self._undo.work_later(self._answer, account_id=self.place.account_id)

    async def _answer(self) -> None:
        await self._repeats.answer(self.place)

    async def _forget(self) -> None:
        await self._repeats.forget(self.place)

    # Names

    def _run_of(self, item: contract.Charge | contract.Hold) -> Run:
        at_least = item["at_least"] if item["op"] == "hold" else 0
        self._terms = Terms(item["op"], item["amount"], at_least, self._call.route.price)
        return Run(self._asked, self._own_id, self._call.route.name, self._terms)

    def _renamed(self, item: contract.Item) -> Any:
        """The item under the id that really pays, with the price version that the call began with."""
        if self._id == self._own_id:
            return item
        own, real = str(self._own_id), str(self._id)
        named: dict[str, Any] = {name: real if value == own else value for name, value in item.items()}
        if "usage" in named:
            named["usage"] = self._usage(named["usage"])
        return named

    def _usage(self, usage: contract.Usage) -> dict[str, Any]:
        assert self._terms is not None
        return {**usage, "request_id": str(self._id), "price_version": self._terms.price.version}


def _lost() -> contract.Result:
    """The hold is another call's by now."""
    return {"verdict": "hold_lapsed", "charged": 0, "held": 0, "available": 0, "balance": 0}


def _away() -> DomainError:
    return DomainError(
        "service_unavailable",
        "The keys of repeated calls can't be looked up; nothing was forwarded, or nothing is charged. Try again.",
        headers={"Retry-After": "1"},
    )
