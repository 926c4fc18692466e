"""Billing -> fraud: the judgement of a payment, `POST /internal/v1/assessments`.

The same `payment_id` again gets the same assessment. Addresses travel as blind indexes only.
"""

from typing import Literal, TypedDict

PATH = "/internal/v1/assessments"

Decision = Literal["allow", "review", "block"]


class AssessmentRequest(TypedDict):
    """The facts of one payment."""

    payment_id: str
    account_id: str
    kind: Literal["credits", "sale"]
    amount_usd_minor: int
    currency: str
    ip: str | None
    device_id: str | None
    email_hash: str | None
    domain_hash: str | None
    card_fingerprint: str | None


class Reason(TypedDict):
    """Why, in a stable code and in words."""

    code: str
    detail: str


class Assessment(TypedDict):
    """`score` is an integer of 0 to 100."""

    id: str
    decision: Decision
    score: int
    reasons: list[Reason]
