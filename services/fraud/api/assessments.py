"""`POST /internal/v1/assessments`: billing asks before a payment is made (shared/contracts/assessments.py)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from services.fraud.domain.assessment import Payment
from services.fraud.domain.blacklist import Traits, readable_address
from services.fraud.service import Fraud
from services.fraud.use_cases.assess_payment import assess_payment
from services.fraud.use_cases.keep_blacklist import ip_match
from shared.contracts.assessments import PATH
from shared.doors import StrictRoute, Wire, answer, guarded
from shared.service_auth import service_required

LARGEST_AMOUNT_MINOR = 10**12

Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]
Amount = Annotated[int, Field(ge=0, le=LARGEST_AMOUNT_MINOR)]

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


class AssessmentBody(Wire):
    """The facts of one payment. What is not known is null or left out; an unreadable address counts as not known."""

    payment_id: Id
    account_id: Id
    kind: Literal["credits", "sale"]
    amount_usd_minor: Amount
    currency: Currency
    ip: Annotated[str, StringConstraints(max_length=100)] | None = None
    device_id: Id | None = None
    email_hash: Digest | None = None
    domain_hash: Digest | None = None
    card_fingerprint: Id | None = None

    def payment(self, key: bytes) -> Payment:
        """The facts as the domain knows them; `key` makes the address's digest."""
        ip = readable_address(self.ip)
        traits = Traits(
            account_id=self.account_id,
            email_match=self.email_hash,
            domain_match=self.domain_hash,
            card_fingerprint=self.card_fingerprint,
            device_id=self.device_id,
            ip=ip,
            ip_match=None if ip is None else ip_match(str(ip), key),
        )
        return Payment(
            payment_id=self.payment_id,
            account_id=self.account_id,
            kind=self.kind,
            amount_usd_minor=self.amount_usd_minor,
            currency=self.currency,
            traits=traits,
        )


@router.post(PATH)
@guarded(service_required)
async def assess(request: Request, body: AssessmentBody) -> Response:
    fraud: Fraud = request.app.state.service
    made = await assess_payment(fraud, body.payment(fraud.settings.blind_index_key))
    reasons = [{"code": reason.code, "detail": reason.detail} for reason in made.reasons]
    return answer({"id": made.id, "decision": made.decision, "score": made.score, "reasons": reasons})
