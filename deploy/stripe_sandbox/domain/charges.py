"""Charges and their balance transactions: one attempt to take money, and what it left in Stripe's balance.

The fee is Stripe's for cards in the United States: 2.9% and a fixed 30 cents, rounded half up. Each
currency has a balance of its own; nothing is converted.
"""

from deploy.stripe_sandbox.domain.cards import Card, Decline
from deploy.stripe_sandbox.domain.currencies import decimals
from deploy.stripe_sandbox.domain.payment_methods import card_checks
from deploy.stripe_sandbox.domain.values import Json

_FEE_PER_MILLE = 29
_FIXED_FEE_MINOR = {0: 30, 2: 30, 3: 300}
_PAYOUT_DELAY = 2 * 24 * 3600
_DAY = 24 * 3600


def new_charge(
    charge_id: str,
    *,
    intent: Json,
    method: Json,
    card: Card,
    decline: Decline | None,
    receipt_url: str,
    authorization: str,
    now: int,
) -> Json:
    """A charge of the intent's whole amount, succeeded or failed; the balance transaction comes after."""
    succeeded = decline is None
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if succeeded else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "TOLLGATE SANDBOX",
        "captured": succeeded,
        "created": now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None if decline is None else decline.code,
        "failure_message": None if decline is None else decline.message,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": _outcome(decline),
        "paid": succeeded,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {
            "card": _card_details(intent["amount"], card, method, authorization, succeeded=succeeded),
            "type": "card",
        },
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": receipt_url if succeeded else None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded" if succeeded else "failed",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }


def fee_minor(amount_minor: int, currency: str) -> int:
    """2.9% rounded half up, and the fixed part; all in the currency's minor unit."""
    share = (amount_minor * _FEE_PER_MILLE + 500) // 1000
    return share + _FIXED_FEE_MINOR[decimals(currency)]


def new_balance_transaction(transaction_id: str, *, charge: Json, now: int) -> Json:
    fee = fee_minor(charge["amount"], charge["currency"])
    return {
        "id": transaction_id,
        "object": "balance_transaction",
        "amount": charge["amount"],
        "available_on": (now + _PAYOUT_DELAY) // _DAY * _DAY,
        "balance_type": "payments",
        "created": now,
        "currency": charge["currency"],
        "description": charge["description"],
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [
            {
                "amount": fee,
                "application": None,
                "currency": charge["currency"],
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        ],
        "net": charge["amount"] - fee,
        "reporting_category": "charge",
        "source": charge["id"],
        "status": "pending",
        "type": "charge",
    }


def balance_transaction_at(transaction: Json, *, now: int) -> Json:
    """The transaction as it reads at `now`: its money becomes available by the passing of time alone."""
    available = transaction["available_on"] <= now
    return {**transaction, "status": "available" if available else "pending"}


def _outcome(decline: Decline | None) -> Json:
    refused = decline is not None
    return {
        "advice_code": "try_again_later" if refused else None,
        "network_advice_code": None,
        "network_decline_code": "01" if refused else None,
        "network_status": "declined_by_network" if refused else "approved_by_network",
        "reason": (decline.decline_code or decline.code) if decline else None,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": decline.seller_message if decline else "Payment complete.",
        "type": "issuer_declined" if refused else "authorized",
    }


def _card_details(amount_minor: int, card: Card, method: Json, authorization: str, *, succeeded: bool) -> Json:
    checked = method["card"]["checks"]["cvc_check"] is not None
    return {
        "amount_authorized": amount_minor if succeeded else None,
        "authorization_code": authorization if succeeded else None,
        "brand": card.brand,
        "checks": card_checks(cvc_checked=checked),
        "country": card.country,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card.last4,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": amount_minor, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "transaction_link_id": None,
        "wallet": None,
    }
