"""What the row of a paid call's `Idempotency-Key` lets the next call with that key do.

A row is (account, hash of the key). It runs under a lease; it names the charge or hold that pays for the call and the
terms it was posted on, so that a repeat can post the very same again: the ledger answers a repeated id with its first
verdict. Invariant: an id that may have been given back is never posted again, and one that pays for an answer is never
given back. So before anything is given back the row says `undoing`, and whoever lost its lease touches nothing.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal
from uuid import UUID

from services.gateway.domain.price import Price
from shared.errors import DomainError
from shared.ids import encode, instant_of, milliseconds

State = Literal["running", "undoing", "answered"]


class Step(Enum):
    """What a repeat that is not refused does."""

    ANEW = "anew"
    """The row is past its 24 hours: as if there were none."""
    RESUME = "resume"
    """Post under the row's id again; what was charged under it is not charged again."""
    UNDO = "undo"
    """Give back what the row's id may have charged, then run anew under an id of its own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which request it is: a digest of method and target, and one of the body where it was there whole."""

    target_hash: bytes
    body_hash: bytes | None

    def is_same_as(self, other: "Asked") -> bool:
        """Bodies are compared where both are known: one that came in pieces was not kept."""
        both_known = self.body_hash is not None and other.body_hash is not None
        return self.target_hash == other.target_hash and (not both_known or self.body_hash == other.body_hash)


@dataclass(frozen=True, slots=True)
class Terms:
    """How the call is paid: `amount` is the charge's, or the most that the hold keeps; `at_least` a hold's alone."""

    op: Literal["charge", "hold"]
    amount: int
    at_least: int
    price: Price


@dataclass(frozen=True, slots=True)
class Intent:
    """The capture that is or will be posted for the hold: written before it is sent, so that a repeat can send it."""

    capture_id: UUID
    amount: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A row as it lies. `charge_id` is the charge's or hold's, and the bits of the original request's id; whether the
    lease lives and whether its 24 hours are over is said by the database's clock."""

    state: State
    asked: Asked
    charge_id: UUID
    terms: Terms
    intent: Intent | None
    lease_is_live: bool
    is_over: bool


def judge(kept: Kept, asked: Asked) -> Step:
    """What the call that found `kept` does. Raises the refusal: `idempotency_key_reused`, `already_charged`,
    `idempotency_in_progress`."""
    if kept.is_over:
        return Step.ANEW
    if not kept.asked.is_same_as(asked):
        raise DomainError(
            "idempotency_key_reused", "This Idempotency-Key was used with another request; take a new one."
        )
    if kept.state == "answered":
        raise _already_charged(kept.charge_id)
    if kept.lease_is_live:
        raise in_progress()
    return Step.UNDO if kept.state == "undoing" else Step.RESUME


def may_resume(kept: Kept, *, op: str, now_ms: int, margin_ms: int) -> bool:
    """Whether the row's id can pay for a call that begins now. A hold older than its margin may lapse before the
    call's end, and a price that is of another kind by now can't be posted under the old id: such a one is given back
    instead. What a capture was meant for is paid, however old."""
    if kept.terms.op != op:
        return False
    if op == "charge" or kept.intent is not None:
        return True
    return now_ms - milliseconds(instant_of(kept.charge_id)) <= margin_ms


def in_progress() -> DomainError:
    """The call with this key is under way, here or in another process."""
    return DomainError(
        "idempotency_in_progress",
        "The call with this Idempotency-Key is still running.",
        headers={"Retry-After": "1"},
    )


def _already_charged(charge_id: UUID) -> DomainError:
    original = encode("req", charge_id)
    return DomainError(
        "already_charged",
        f"The call with this Idempotency-Key was answered and charged as {original}; its answer is not kept.",
        extra={"original_request_id": original},
        headers={"X-Should-Retry": "false"},
    )
