"""Billing -> fraud: the judgement of a payment, `POST /internal/v1/assessments`.

The same `payment_id` again gets the same assessment. Addresses travel as blind indexes only.
"""

from typing import Literal, NotRequired, TypedDict

PATH = "/internal/v1/assessments"

Decision = Literal["allow", "review", "block"]
Tier = Literal["new", "verified", "enterprise"]
Origin = Literal["checkout", "auto_top_up", "sale"]


class AssessmentRequest(TypedDict):
    """The facts of one payment. What is left out or null is not known; nothing is guessed in its stead."""

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
    tier: NotRequired[Tier | None]
    business_type: NotRequired[str | None]
    """Of a sale: which of the six kinds of business it belongs to."""
    origin: NotRequired[Origin | None]
    """Who set it off: a person at a checkout, a top-up by itself, a sale."""
    user_agent: NotRequired[str | None]
    """As the browser names itself, at most 500 characters."""
    session_hash: NotRequired[str | None]
    """A digest of the session or key that asks: the same for as long as the session lives."""
    mailbox_hash: NotRequired[str | None]
    """A digest of the mailbox without what its owner may vary freely: aliases of one mailbox share it."""
    card_country: NotRequired[str | None]
    """Of the card's issuer: two capital letters."""
    card_funding: NotRequired[str | None]
    """As Stripe says it: credit, debit, prepaid, unknown."""
    account_created_at: NotRequired[str | None]
    """RFC 3339."""
    paid_payments: NotRequired[int | None]
    """How many payments of the account have succeeded so far."""
    first_sale: NotRequired[bool | None]
    """Whether no sale of the account has succeeded yet."""
    occurred_at: NotRequired[str | None]
    """When it was asked for, in business time, RFC 3339; fraud's own clock where it is left out."""


class Reason(TypedDict):
    """Why, in a stable code and in words that the customer may read."""

    code: str
    detail: str


class Assessment(TypedDict):
    """`score` is from 0 to 100 with at most two decimals. `case_id` names the case that operators have of it, null
    where there is none."""

    id: str
    decision: Decision
    score: float
    reasons: list[Reason]
    case_id: NotRequired[str | None]
