"""`POST /internal/v1/assessments`: billing asks before a payment is made (shared/contracts/assessments.py)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from services.fraud.domain.assessment import Assessment
from services.fraud.domain.blacklist import Traits, readable_address
from services.fraud.domain.facts import Kind, Origin, Payment, Tier
from services.fraud.domain.score import as_number
from services.fraud.service import Fraud
from services.fraud.use_cases.assess_payment import assess_payment, try_payment
from services.fraud.use_cases.keep_blacklist import ip_match
from shared.contracts.assessments import PATH
from shared.doors import InstantField, StrictRoute, Wire, answer, guarded
from shared.service_auth import service_required

LARGEST_AMOUNT_MINOR = 10**12
USER_AGENT_KEPT = 500

Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
Amount = Annotated[int, Field(ge=0, le=LARGEST_AMOUNT_MINOR)]

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


class AssessmentBody(Wire):
    """The facts of one payment. What is not known is null or left out; an unreadable address counts as not known."""

    payment_id: Id
    account_id: Id
    kind: Kind
    amount_usd_minor: Amount
    currency: Currency
    ip: Annotated[str, StringConstraints(max_length=100)] | None = None
    device_id: Id | None = None
    email_hash: Digest | None = None
    domain_hash: Digest | None = None
    card_fingerprint: Id | None = None
    tier: Tier | None = None
    business_type: Word | None = None
    origin: Origin | None = None
    user_agent: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    session_hash: Id | None = None
    mailbox_hash: Digest | None = None
    card_country: Country | None = None
    card_funding: Word | None = None
    account_created_at: InstantField | None = None
    paid_payments: Annotated[int, Field(ge=0)] | None = None
    first_sale: bool | None = None
    occurred_at: InstantField | None = None

    def payment(self, key: bytes, *, now: datetime) -> Payment:
        """The facts as the domain knows them; `key` makes the address's digest."""
        return Payment(
            payment_id=self.payment_id,
            account_id=self.account_id,
            kind=self.kind,
            amount_usd_minor=self.amount_usd_minor,
            currency=self.currency,
            traits=self._traits(key),
            occurred_at=self.occurred_at or now,
            tier=self.tier,
            business_type=self.business_type,
            origin=self.origin,
            user_agent=None if self.user_agent is None else self.user_agent[:USER_AGENT_KEPT],
            session_hash=self.session_hash,
            mailbox_hash=self.mailbox_hash,
            card_country=self.card_country,
            card_funding=self.card_funding,
            account_created_at=self.account_created_at,
            paid_payments=self.paid_payments,
            first_sale=self.first_sale,
        )

    def _traits(self, key: bytes) -> Traits:
        ip = readable_address(self.ip)
        return Traits(
            account_id=self.account_id,
            email_match=self.email_hash,
            domain_match=self.domain_hash,
            card_fingerprint=self.card_fingerprint,
            device_id=self.device_id,
            ip=ip,
            ip_match=None if ip is None else ip_match(str(ip), key),
        )


@router.post(PATH)
@guarded(service_required)
async def assess(request: Request, body: AssessmentBody, kept: bool = True) -> Response:
    """With `kept=false` nothing is written down and no case opened: a trial, which counts in Redis all the same."""
    fraud: Fraud = request.app.state.service
    payment = body.payment(fraud.settings.blind_index_key, now=fraud.clock.now())
    return answer(_wire(await (assess_payment if kept else try_payment)(fraud, payment)))


def _wire(made: Assessment) -> dict[str, object]:
    return {
        "id": made.id,
        "decision": made.decision,
        "score": as_number(made.score_hundredths),
        "reasons": [{"code": reason.code, "detail": reason.detail} for reason in made.reasons],
        "case_id": made.case_id,
    }
