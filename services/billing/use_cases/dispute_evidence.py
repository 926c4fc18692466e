"""Answering a dispute: evidence in plain text, handed to the bank by Stripe. It can be done once."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.disputes import submit_evidence
from services.billing.domain.dispute import Dispute, DisputeState, Evidence
from services.billing.domain.disputing import DisputeNotAnswerable, check_answerable
from services.billing.domain.payment_story import EVIDENCE_BEGUN, EVIDENCE_SUBMITTED
from services.billing.service import Billing
from services.billing.store import disputes
from services.billing.use_cases.disputes import read_dispute, settle_dispute
from shared import audit
from shared.db import Connection
from shared.errors import DomainError
from shared.telemetry import logger_of

logger = logger_of("stripe")

Answer = TypeVar("Answer")
Keep = Callable[[Connection, Dispute], Awaitable[Answer]]
"""Makes the answer from the dispute, and saves it in the same transaction where the request may be repeated."""


async def answer_dispute(
    billing: Billing, actor: audit.Actor, dispute_id: str, evidence: Evidence, *, keep: Keep[Answer]
) -> Answer:
    """Submit evidence and settle what Stripe makes of it. No transaction is held meanwhile; a repeat after a crash asks
    Stripe under the same idempotency key. Since the bank takes evidence once, the audit trail says who tries before
    Stripe is asked, and who succeeded with what is settled. Raises NotFound, DisputeNotAnswerable,
    `service_unavailable`."""
    dispute = await read_dispute(billing, dispute_id)
    check_answerable(dispute)
    details = _audited(dispute, evidence)
    async with billing.database.transaction() as connection:
        await audit.write(connection, actor, EVIDENCE_BEGUN, dispute.id, details, at=billing.clock.now())
    state = await _submitted(billing, dispute, evidence)
    async with billing.database.transaction() as connection:
        await settle_dispute(billing, connection, state)
        await audit.write(connection, actor, EVIDENCE_SUBMITTED, dispute.id, details, at=billing.clock.now())
        answered = await disputes.find(connection, dispute_id)
        assert answered is not None
        return await keep(connection, answered)


def _audited(dispute: Dispute, evidence: Evidence) -> dict[str, object]:
    """What the evidence says is for the bank alone: the trail keeps how long it was."""
    length = {"text": len(evidence.text), "access_log": len(evidence.access_log or "")}
    return {"payment_id": dispute.payment_id, "characters": length}


async def _submitted(billing: Billing, dispute: Dispute, evidence: Evidence) -> DisputeState:
    try:
        return await submit_evidence(billing.stripe, dispute, evidence)
    except StripeRefused as refusal:
        raise DisputeNotAnswerable("The payment provider refused this evidence.") from refusal
    except StripeUnavailable as error:
        logger.warning("evidence_without_stripe", dispute_id=dispute.id, error=str(error))
        raise DomainError(
            "service_unavailable",
            "The payment provider does not answer; send the same evidence again.",
            headers={"Retry-After": "5"},
        ) from error
