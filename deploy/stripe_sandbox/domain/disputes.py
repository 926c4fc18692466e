"""The dispute and its states, as one table.

    warning_needs_response -> warning_under_review -> warning_closed      an inquiry: no money moves
    warning_...            -> needs_response                              the inquiry grew into a chargeback
    needs_response -> under_review -> won | lost
    needs_response -> won | lost                                          decided, accepted, or not answered in time

A chargeback takes its amount and a fee out of the balance when it opens; won, the amount comes back and the fee
does not. Source: Stripe's pages "How disputes work" and "Testing: Disputes".
"""

from dataclasses import dataclass
from typing import Final

from deploy.stripe_sandbox.domain import cards
from deploy.stripe_sandbox.domain.balance_transactions import Movement, new_transaction, transaction_at
from deploy.stripe_sandbox.domain.charges import left_minor
from deploy.stripe_sandbox.domain.currencies import decimals
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json, names

NEEDS_RESPONSE: Final = "needs_response"
UNDER_REVIEW: Final = "under_review"
WON: Final = "won"
LOST: Final = "lost"
WARNING_NEEDS_RESPONSE: Final = "warning_needs_response"
WARNING_UNDER_REVIEW: Final = "warning_under_review"
WARNING_CLOSED: Final = "warning_closed"

OPEN: Final = frozenset({NEEDS_RESPONSE, UNDER_REVIEW})
WARNINGS: Final = frozenset({WARNING_NEEDS_RESPONSE, WARNING_UNDER_REVIEW})
ANSWERABLE: Final = frozenset({NEEDS_RESPONSE, WARNING_NEEDS_RESPONSE})
# While it stands so, the charge may still be given back.
_REFUNDABLE: Final = WARNINGS | {WARNING_CLOSED, WON}

# Reason -> the network's own code for it: Visa's, and Mastercard's.
REASONS: Final = {
    "bank_cannot_process": ("11.3", "4834"),
    "check_returned": ("10.4", "4837"),
    "credit_not_processed": ("13.6", "4853"),
    "customer_initiated": ("13.7", "4853"),
    "debit_not_authorized": ("10.4", "4837"),
    "duplicate": ("12.6.1", "4834"),
    "fraudulent": ("10.4", "4837"),
    "general": ("12.5", "4834"),
    "incorrect_account_details": ("12.4", "4834"),
    "insufficient_funds": ("11.3", "4834"),
    "product_not_received": ("13.1", "4853"),
    "product_unacceptable": ("13.3", "4853"),
    "subscription_canceled": ("13.2", "4841"),
    "unrecognized": ("10.4", "4863"),
}

TEXTS: Final = names(
    "access_activity_log billing_address cancellation_policy_disclosure cancellation_rebuttal customer_email_address "
    "customer_name customer_purchase_ip duplicate_charge_explanation duplicate_charge_id product_description "
    "refund_policy_disclosure refund_refusal_explanation service_date shipping_address shipping_carrier shipping_date "
    "shipping_tracking_number uncategorized_text"
)
# Evidence that is a file at Stripe; the sandbox keeps none.
FILES: Final = names(
    "cancellation_policy customer_communication customer_signature duplicate_charge_documentation receipt "
    "refund_policy service_documentation shipping_documentation uncategorized_file"
)

# How long the bank thinks about evidence that says how it ends, in business time.
DECIDED_AFTER_SECONDS: Final = 2

_WINNING = "winning_evidence"
_LOSING = "losing_evidence"
_ESCALATING = "escalate_inquiry_evidence"
_DAY = 24 * 3600
_ANSWER_DAYS = 8
_FEE_MINOR = {0: 1500, 2: 1500, 3: 6000}


@dataclass(frozen=True)
class Complaint:
    """What the bank says: an amount of the charge's currency in minor units, why, and whether it only asks."""

    amount_minor: int
    reason: str
    inquiry: bool = False


def complaint_of(behaviour: str, charge: Json) -> Complaint | None:
    """The dispute that the card's number carries with it."""
    whole = left_minor(charge)
    return {
        cards.PAYS_THEN_DISPUTED: Complaint(whole, "fraudulent"),
        cards.PAYS_THEN_NOT_RECEIVED: Complaint(whole, "product_not_received"),
        cards.PAYS_THEN_ASKED_ABOUT: Complaint(whole, "general", inquiry=True),
    }.get(behaviour)


def check_disputable(charge: Json, complaint: Complaint, *, earlier: list[Json]) -> None:
    """Money that was taken and is still here can be disputed, once; `earlier` are the charge's disputes."""
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise StripeError(f"Charge {charge['id']} took no money that could be disputed.")
    if any(dispute["status"] != WARNING_CLOSED for dispute in earlier):
        raise StripeError(f"Charge {charge['id']} has been disputed already.")
    left = left_minor(charge)
    if not 1 <= complaint.amount_minor <= left:
        raise StripeError(f"The amount must be from 1 to {left}, what is left of the charge.", param="amount")


def fee_minor(currency: str) -> int:
    """15 of most currencies, 1,500 where there is no minor unit, 6 where a unit is worth several dollars."""
    return _FEE_MINOR[decimals(currency)]


def new_dispute(dispute_id: str, *, charge: Json, complaint: Complaint, now: int) -> Json:
    """A dispute as it opens, before its withdrawal."""
    status = WARNING_NEEDS_RESPONSE if complaint.inquiry else NEEDS_RESPONSE
    brand = charge["payment_method_details"]["card"]["brand"]
    visa, mastercard = REASONS[complaint.reason]
    code = mastercard if brand == "mastercard" else visa
    return {
        "id": dispute_id,
        "object": "dispute",
        "amount": complaint.amount_minor,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": _no_evidence(charge),
        "evidence_details": {
            "due_by": (now // _DAY + _ANSWER_DAYS + 1) * _DAY - 1,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": status in _REFUNDABLE,
        "livemode": False,
        "metadata": {},
        "network_reason_code": code,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": brand,
                "case_type": "inquiry" if complaint.inquiry else "chargeback",
                "network": brand,
                "network_reason_code": code,
            },
            "type": "card",
        },
        "reason": complaint.reason,
        "status": status,
    }


def new_withdrawal(transaction_id: str, *, dispute: Json, available_on: int, now: int) -> Json:
    """The amount and Stripe's fee, out of the balance."""
    movement = Movement(
        kind="adjustment",
        category="dispute",
        amount_minor=-dispute["amount"],
        currency=dispute["currency"],
        source=dispute["id"],
        description=f"Chargeback withdrawal for {dispute['charge']}",
        available_on=available_on,
        fee_minor=fee_minor(dispute["currency"]),
        fee_description="Dispute fee",
    )
    return new_transaction(transaction_id, movement, now=now)


def new_reinstatement(transaction_id: str, *, dispute: Json, now: int) -> Json:
    """The amount, back; the fee stays with Stripe."""
    movement = Movement(
        kind="adjustment",
        category="dispute_reversal",
        amount_minor=dispute["amount"],
        currency=dispute["currency"],
        source=dispute["id"],
        description=f"Chargeback reversal for {dispute['charge']}",
        available_on=now,
    )
    return new_transaction(transaction_id, movement, now=now)


def with_transaction(dispute: Json, transaction: Json) -> Json:
    return {**dispute, "balance_transactions": [*dispute["balance_transactions"], transaction]}


def dispute_at(dispute: Json, *, now: int) -> Json:
    """The dispute as it reads at `now`: its transactions become available, its time to answer runs out."""
    transactions = [transaction_at(each, now=now) for each in dispute["balance_transactions"]]
    details = dispute["evidence_details"]
    past_due = details["due_by"] is not None and details["due_by"] < now
    return {
        **dispute,
        "balance_transactions": transactions,
        "evidence_details": {**details, "past_due": past_due},
    }


def answered(dispute: Json, evidence: Json, *, submit: bool) -> Json:
    """The dispute with more evidence; submitted, it is the bank's to decide."""
    if dispute["status"] not in ANSWERABLE:
        raise StripeError(f"Evidence can no longer be given: this dispute has a status of {dispute['status']}.")
    held = {**dispute["evidence"], **evidence}
    after = {**dispute, "evidence": held}
    if not submit:
        return after
    details = dispute["evidence_details"]
    count = details["submission_count"] + 1
    sent = {"has_evidence": True, "submission_count": count, "submission_method": "manual"}
    status = WARNING_UNDER_REVIEW if dispute["status"] == WARNING_NEEDS_RESPONSE else UNDER_REVIEW
    return {**_in(after, status), "evidence_details": {**details, **sent}}


def verdict_of(dispute: Json) -> str | None:
    """The status that the evidence's text asks for; None where it asks for none. NEEDS_RESPONSE is an inquiry's
    growing into a chargeback."""
    text = dispute["evidence"]["uncategorized_text"]
    if dispute["status"] == WARNING_UNDER_REVIEW:
        return {_WINNING: WARNING_CLOSED, _LOSING: WARNING_CLOSED, _ESCALATING: NEEDS_RESPONSE}.get(text)
    return {_WINNING: WON, _LOSING: LOST}.get(text)


def verdict_of_silence(dispute: Json) -> str:
    """How it ends when nobody answers in time."""
    return WARNING_CLOSED if dispute["status"] in WARNINGS else LOST


def decided(dispute: Json, status: str) -> Json:
    """The dispute at its end."""
    allowed = {WARNING_CLOSED} if dispute["status"] in WARNINGS else {WON, LOST}
    if dispute["status"] not in WARNINGS | OPEN:
        raise StripeError(f"This dispute is closed: it has a status of {dispute['status']}.")
    if status not in allowed:
        raise StripeError(
            f"A dispute with a status of {dispute['status']} ends as {' or '.join(sorted(allowed))}.", param="status"
        )
    return _in(dispute, status)


def escalated(dispute: Json) -> Json:
    """An inquiry that grew into a chargeback."""
    if dispute["status"] not in WARNINGS:
        raise StripeError(f"Only an inquiry can be escalated; this dispute has a status of {dispute['status']}.")
    details = dispute["payment_method_details"]
    card = {**details["card"], "case_type": "chargeback"}
    return {**_in(dispute, NEEDS_RESPONSE), "payment_method_details": {**details, "card": card}}


def with_metadata(dispute: Json, change: dict[str, str] | None) -> Json:
    return {**dispute, "metadata": merged(dispute["metadata"], change)}


def _in(dispute: Json, status: str) -> Json:
    return {**dispute, "status": status, "is_charge_refundable": status in _REFUNDABLE}


def _no_evidence(charge: Json) -> Json:
    """What Stripe fills in by itself: what it knows of the customer."""
    known = charge["billing_details"]
    found: Json = {**dict.fromkeys(sorted(TEXTS | FILES)), "enhanced_evidence": {}}
    return {**found, "customer_email_address": known["email"], "customer_name": known["name"]}
