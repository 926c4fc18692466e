"""A metered call's hold, from its opening to its one end: captured, released, or left to be released."""

from collections.abc import Callable

from services.gateway.clients.billing_ledger import BillingOverloaded, BillingUnavailable
from services.gateway.domain.metering.usage import Usage
from services.gateway.use_cases.paid_call.crash_points import reach
from services.gateway.use_cases.paid_call.desk import (
    Call,
    Desk,
    billing_unavailable,
    count_outcome,
    tell_outcome,
    tell_record,
    undo_now,
)
from services.gateway.use_cases.paid_call.metrics import METERING_FAULTS, WRITTEN_OFF
from shared.contracts import ledger as contract
from shared.telemetry import logger


class CannotCapture(Exception):
    """The hold lapsed, or billing gave no verdict in time: the answer must not end well."""


class Tab:
    """One a call. Amounts are millicredits; a capture never exceeds what was held. `estimated_input` is tokens."""

    def __init__(self, desk: Desk, call: Call, *, estimated_input: int) -> None:
        self._desk = desk
        self._call = call
        self.estimated_input = estimated_input
        self._capture_id = str(desk.new_uuid())
        self._is_closed = False
        self._capture_was_tried = False
        self._tokens_so_far: Callable[[], int] = int
        self._units: int | None = None
        self._seen_tokens = -1
        self._told = 0
        self.release_item: contract.Release = {
            "op": "release",
            "hold_id": call.id,
            "account_id": call.record.account_id,
            "outcome": "upstream_failed",
        }

    def hold(self, *, amount: int, at_least: int) -> contract.Hold:
        """The item that opens it."""
        return {
            "op": "hold",
            "id": self._call.id,
            "account_id": self._call.record.account_id,
            "amount": amount,
            "at_least": at_least,
            "expires_in_ms": self._call.route.timeout_ms + self._desk.hold_margin_ms,
            "usage": self._call.usage("unknown"),
        }

    def flows(self, tokens_so_far: Callable[[], int], *, units: int | None) -> None:
        """Its answer is on its way: from now on billing is told what the call has cost so far, should we die."""
        self._tokens_so_far, self._units = tokens_so_far, units
        self._desk.progress.watch(self)

    def has_progressed(self) -> bool:
        """Whether more was streamed than when it was last asked for its progress. Once a capture was tried: no."""
        return not self._capture_was_tried and not self._is_closed and self._tokens_so_far() != self._seen_tokens

    async def tell_progress(self) -> None:
        """Say what the call has cost so far, if it is more than was said. What can't be said now is, a second later."""
        tokens = self._tokens_so_far()
        usage = Usage(tokens=self.estimated_input + tokens, units=self._units, fault="estimated")
        cost = self._call.route.price.cost(usage)
        if cost > self._told:
            try:
                await self._desk.ledger.post(self._progress(cost, usage))
            except (BillingUnavailable, BillingOverloaded):
                return
            reach("after_progress")
        self._seen_tokens, self._told = tokens, max(cost, self._told)

    async def capture(self, usage: Usage, outcome: contract.Outcome | None) -> contract.Result:
        """Charge what was used, durably, and free the rest; how it ended is told behind it, where that is known by now.
        Raises CannotCapture."""
        cost = self._call.route.price.cost(usage)
        if usage.fault is not None:
            METERING_FAULTS.labels(self._call.route.name, usage.fault).inc()
        self._capture_was_tried = True
        self._desk.progress.forget(self)
        reach("before_capture")
        try:
            result = await self._desk.ledger.post(self._capture(cost, usage))
        except (BillingUnavailable, BillingOverloaded) as error:
            raise CannotCapture from error
        reach("after_capture")
        if result["verdict"] != "posted":
            logger.warning("capture_refused", verdict=result["verdict"], account_id=self._call.record.account_id)
            self._is_closed = True
            raise CannotCapture(result["verdict"])
        self._is_closed = True
        WRITTEN_OFF.inc(max(0, cost - result["charged"]))
        if outcome is not None:
            self.ended(outcome)
        return result

    def ended(self, outcome: contract.Outcome) -> None:
        """How the answer that was captured for ended."""
        tell_outcome(self._desk, self._call, outcome)

    async def capture_estimate(self, *, streamed_tokens: int) -> None:
        """The caller left before the usage came: charge a flagged estimate of what was streamed."""
        tokens = self.estimated_input + streamed_tokens if self._call.route.price.per_1000_tokens else None
        try:
            await self.capture(Usage(tokens=tokens, units=self._units, fault="estimated"), "disconnected")
        except CannotCapture:
            self.leave_to_expiry()

    async def release(self) -> contract.Result:
        """Charge nothing, durably; where billing does not answer: later, and `billing_unavailable`."""
        self._close()
        count_outcome("upstream_failed")
        reach("before_release")
        released = await undo_now(self._desk, self.release_item)
        tell_record(self._desk, self._call, "upstream_failed")
        reach("after_release")
        return released

    def leave_to_expiry(self) -> None:
        """Most of the answer is out and its charge is not known to stand: the hold's expiry decides."""
        self._close()
        tell_outcome(self._desk, self._call, "unknown")

    def abandon(self) -> None:
        """The call gets no answer: see to it that nothing stays held or charged, unless it is closed."""
        if self._is_closed:
            return
        self._close()
        if self._capture_was_tried:
            self._desk.undo.later(self._reversal())
        self._desk.undo.later(self.release_item)
        count_outcome("upstream_failed")

    def refuse_unanswered(self) -> Exception:
        """The refusal of a call whose capture failed before any of its answer left."""
        self.abandon()
        return billing_unavailable()

    def _close(self) -> None:
        self._is_closed = True
        self._desk.progress.forget(self)

    def _progress(self, cost: int, usage: Usage) -> contract.Progress:
        return {
            "op": "progress",
            "hold_id": self._call.id,
            "account_id": self._call.record.account_id,
            "amount": cost,
            "usage": self._call.usage("unknown", usage),
        }

    def _capture(self, cost: int, usage: Usage) -> contract.Capture:
        """Its record says `unknown`: should we die before the answer leaves, nothing was delivered."""
        return {
            "op": "capture",
            "id": self._capture_id,
            "hold_id": self._call.id,
            "account_id": self._call.record.account_id,
            "amount": cost,
            "usage": self._call.usage("unknown", usage),
        }

    def _reversal(self) -> contract.Reverse:
        return {
            "op": "reverse",
            "id": str(self._desk.new_uuid()),
            "charge_id": self._capture_id,
            "account_id": self._call.record.account_id,
            "outcome": "upstream_failed",
        }
