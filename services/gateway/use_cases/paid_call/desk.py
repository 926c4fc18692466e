"""What a paid call works with, and the refusals that billing's verdicts become."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from services.gateway.clients.billing_ledger import BillingOverloaded, BillingUnavailable
from services.gateway.clients.upstream import Upstreams
from services.gateway.domain.key_record import KeyRecord
from services.gateway.domain.metering.usage import Usage
from services.gateway.domain.route import Route
from services.gateway.use_cases.paid_call.deadlines import Deadlines
from services.gateway.use_cases.paid_call.kept_back import KeptBack
from services.gateway.use_cases.paid_call.metrics import CALLS, REFUSED_FOR_CREDIT
from services.gateway.use_cases.paid_call.ports import Posts, Tells, Undoes
from services.gateway.use_cases.paid_call.progress import Progress
from services.gateway.use_cases.paid_call.request import Header, PaidRequest
from shared.clock import Clock
from shared.contracts import ledger as contract
from shared.errors import DomainError
from shared.ids import new_uuid
from shared.money import MILLICREDITS_PER_CREDIT, Credits
from shared.telemetry import logger

_NOTHING_YET = Usage()
CHECKOUT_PATH = "/credits/buy"
FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Desk:
    """One process's tools. `hold_margin_ms` is what a hold lasts beyond its route's timeout."""

    ledger: Posts
    undo: Undoes
    outcomes: Tells
    progress: Progress
    upstreams: Upstreams
    deadlines: Deadlines
    kept_back: KeptBack
    clock: Clock
    hold_margin_ms: int
    hang_up_read_ms: int

    def new_uuid(self) -> UUID:
        return new_uuid(at=self.clock.real_now())


@dataclass(slots=True, eq=False)
class Call:
    """A call that may go ahead. `id` is its charge's or hold's, a UUID's text; `began_ns` is monotonic."""

    id: str
    request: PaidRequest
    record: KeyRecord
    route: Route
    began_ns: int

    def usage(self, outcome: contract.Outcome, usage: Usage = _NOTHING_YET) -> contract.Usage:
        """The call's usage record, as billing keeps it."""
        return {
            "request_id": self.id,
            "route": self.route.name,
            "key_id": self.record.key_id,
            "price_version": self.route.price.version,
            "units": {"calls": 1, "tokens": usage.tokens or 0, "units": usage.units or 0},
            "outcome": outcome,
            "flagged": usage.flagged,
        }


def count_outcome(outcome: contract.Outcome) -> None:
    """In the metric alone. What undoes a call says its outcome in the same transaction; said before, it would stand
    beside the charge if we died in between."""
    CALLS.add(outcome)


def tell_outcome(desk: Desk, call: Call, outcome: contract.Outcome) -> None:
    """Say how the call ended, behind its answer."""
    count_outcome(outcome)
    tell_record(desk, call, outcome)


def tell_record(desk: Desk, call: Call, outcome: contract.Outcome) -> None:
    """Outcome and latency, for the call's record."""
    latency_ms = (time.monotonic_ns() - call.began_ns) // 1_000_000
    desk.outcomes.tell(
        {
            "account_id": call.record.account_id,
            "request_id": call.id,
            "outcome": outcome,
            "latency_ms": latency_ms,
        }
    )


async def authorise(
    desk: Desk,
    item: contract.Charge | contract.Hold,
    undo: Callable[[], contract.Reverse | contract.Release],
    *,
    required: int,
) -> contract.Result:
    """Post a charge or hold, or raise the refusal. Where the outcome is not known, what `undo` makes is left to be
    done."""
    try:
        result = await desk.ledger.post(item)
    except BillingOverloaded:
        raise overloaded() from None
    except BillingUnavailable as error:
        if error.may_have_been_posted:
            desk.undo.later(undo())
        raise billing_unavailable() from error
    except asyncio.CancelledError:
        desk.undo.later(undo())
        raise
    if result["verdict"] != "posted":
        raise _refusal(result, required)
    return result


async def undo_now(desk: Desk, item: contract.Reverse | contract.Release) -> contract.Result:
    """Durably undo, or leave it to be done later and raise `billing_unavailable`."""
    try:
        return await desk.ledger.post(item)
    except (BillingUnavailable, BillingOverloaded) as error:
        desk.undo.later(item)
        raise _not_undone_yet() from error
    except asyncio.CancelledError:
        desk.undo.later(item)
        raise


def credits_headers(charged: int, available: int) -> list[Header]:
    """What this answer cost, and what is available after it (C3)."""
    return [(b"x-credits-charged", _credits(charged)), (b"x-credits-remaining", _credits(available))]


def _credits(millicredits: int) -> bytes:
    if millicredits >= 0 and not millicredits % MILLICREDITS_PER_CREDIT:
        return b"%d" % (millicredits // MILLICREDITS_PER_CREDIT)
    return str(Credits(millicredits)).encode()


def _refusal(result: contract.Result, required: int) -> DomainError:
    verdict = result["verdict"]
    if verdict == "insufficient_credits":
        REFUSED_FOR_CREDIT.inc()
        return DomainError(
            "insufficient_credits",
            "The credits that are available do not cover this call.",
            extra={
                "credits": Credits(result["available"]),
                "required": Credits(required),
                "checkout_path": CHECKOUT_PATH,
            },
        )
    if verdict == "account_frozen":
        return _frozen(result)
    if verdict != "busy":
        logger.error("posting_refused", verdict=verdict)
    return billing_unavailable()


def _frozen(result: contract.Result) -> DomainError:
    """`checkout_path` only where buying thaws the account."""
    if (reason := result.get("reason", "negative_balance")) != "negative_balance":
        detail = "A payment of this account is disputed at its bank; its credits are frozen until that is decided."
        return DomainError("account_frozen", detail, extra={"reason": reason})
    return DomainError(
        "account_frozen",
        "A refund or dispute took credits that were spent; the account is frozen until it has bought as many again.",
        extra={"reason": reason, "credits": Credits(result["available"]), "checkout_path": CHECKOUT_PATH},
    )


def billing_unavailable() -> DomainError:
    return DomainError(
        "billing_unavailable", "Billing does not answer; nothing is charged. Try again.", headers={"Retry-After": "1"}
    )


def _not_undone_yet() -> DomainError:
    """The charge or hold stands until billing can be asked; if we die before, a charge's outcome stays `unknown`."""
    return DomainError(
        "billing_unavailable",
        "Billing does not answer. What this call was charged is given back as soon as it does.",
        headers={"Retry-After": "1"},
    )


def overloaded() -> DomainError:
    return DomainError("overloaded", "Too many calls wait already; try again.", headers={"Retry-After": "1"})
