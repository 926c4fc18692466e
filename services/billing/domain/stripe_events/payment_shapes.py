"""What sessions, intents, charges, refunds and disputes name, from every shape that API versions since 2016 gave them.

| what | before | since |
|---|---|---|
| an intent's charge | `charges`, a list, the latest first | 2022-11: `latest_charge` |
| a charge's refunds | `refunds`, a list | 2022-11: absent unless asked for |
| a dispute's balance transactions | objects | objects, ids, or one `balance_transaction` |
| an invoice's charge and intent | named by each other | 2025-03: only the invoice's `payments` name them |
| any link | an id | an id, or the object where it was expanded |

Every function takes any object and leaves out (None, an empty tuple) what is not there. Amounts and states are not
read at all: they are fetched (docs/adr/0020). Source: docs.stripe.com/changelog.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.billing.domain.stripe_events.fields import Fields, first_id, id_of, inside, items


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A Checkout Session."""

    id: str | None
    intent_id: str | None
    setup_intent_id: str | None
    subscription_id: str | None
    invoice_id: str | None
    customer_id: str | None


@dataclass(frozen=True, slots=True)
class IntentFacts:
    """A payment intent, with its latest charge."""

    id: str | None
    charge_id: str | None
    invoice_id: str | None
    customer_id: str | None


@dataclass(frozen=True, slots=True)
class ChargeFacts:
    """A charge. `refund_ids` is None where the shape does not tell of refunds."""

    id: str | None
    intent_id: str | None
    invoice_id: str | None
    customer_id: str | None
    transaction_id: str | None
    refund_ids: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """A refund, with what it has done to the balance and, where it failed, undone."""

    id: str | None
    charge_id: str | None
    intent_id: str | None
    transaction_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """A dispute, with what it has done to the balance."""

    id: str | None
    charge_id: str | None
    intent_id: str | None
    transaction_ids: tuple[str, ...]


def session_facts(session: Fields) -> SessionFacts:
    """A Checkout Session of any version."""
    return SessionFacts(
        id=id_of(session),
        intent_id=id_of(session.get("payment_intent")),
        setup_intent_id=id_of(session.get("setup_intent")),
        subscription_id=id_of(session.get("subscription")),
        invoice_id=id_of(session.get("invoice")),
        customer_id=id_of(session.get("customer")),
    )


def intent_facts(intent: Fields) -> IntentFacts:
    """A payment intent of any version."""
    return IntentFacts(
        id=id_of(intent),
        charge_id=first_id(intent.get("latest_charge"), *items(intent.get("charges"))),
        invoice_id=id_of(intent.get("invoice")),
        customer_id=id_of(intent.get("customer")),
    )


def charge_facts(charge: Fields) -> ChargeFacts:
    """A charge of any version."""
    refunds = charge.get("refunds")
    return ChargeFacts(
        id=id_of(charge),
        intent_id=id_of(charge.get("payment_intent")),
        invoice_id=id_of(charge.get("invoice")),
        customer_id=id_of(charge.get("customer")),
        transaction_id=id_of(charge.get("balance_transaction")),
        refund_ids=_ids(items(refunds)) if isinstance(refunds, dict | list) else None,
    )


def refund_facts(refund: Fields) -> RefundFacts:
    """A refund of any version."""
    charge = refund.get("charge")
    return RefundFacts(
        id=id_of(refund),
        charge_id=id_of(charge),
        intent_id=first_id(refund.get("payment_intent"), inside(charge, "payment_intent")),
        transaction_ids=_ids((refund.get("balance_transaction"), refund.get("failure_balance_transaction"))),
    )


def dispute_facts(dispute: Fields) -> DisputeFacts:
    """A dispute of any version."""
    charge, listed = dispute.get("charge"), dispute.get("balance_transactions")
    told = listed if isinstance(listed, list) else items(listed)
    return DisputeFacts(
        id=id_of(dispute),
        charge_id=id_of(charge),
        intent_id=first_id(dispute.get("payment_intent"), inside(charge, "payment_intent")),
        transaction_ids=_ids((*told, dispute.get("balance_transaction"))),
    )


def _ids(values: Iterable[object]) -> tuple[str, ...]:
    """The ids of those that have one, once each."""
    return tuple(dict.fromkeys(found for found in map(id_of, values) if found is not None))
