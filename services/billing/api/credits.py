"""GET /api/v1/credits and /api/v1/credits/transactions: what an account has, and how it came to it (C3, C10)."""

import base64
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import billing_of, caller_of
from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.transfer import PREFIX as ENTRY_PREFIX
from services.billing.domain.ledger.transfer import Posted
from services.billing.domain.seal.checkpoint import Checkpoint
from services.billing.domain.seal.proof import EntryProof
from services.billing.use_cases import credits
from services.billing.use_cases.credits import Expiring
from services.billing.use_cases.entry_proof import prove_entry
from shared import ids
from shared.doors import CreditsField, MoneyView, StrictRoute, answer, guarded, one_of, refuses
from shared.doors.describing import SESSION_OR_KEY
from shared.doors.lists import After, Limit, Page, page
from shared.money import MILLICREDITS_PER_CENT, MILLICREDITS_PER_CREDIT, Credits, Money
from shared.service_auth import caller_required

router = APIRouter(route_class=StrictRoute, tags=["credits"])


class ExpiringView(TypedDict):
    credits: CreditsField
    expires_at: datetime


class CreditsView(TypedDict):
    credits: CreditsField
    held: CreditsField
    available: CreditsField
    currency_value: MoneyView
    first_key_minimum: CreditsField
    expiring: list[ExpiringView] | None


class TransactionView(TypedDict):
    """An entry of the ledger. `credits` is signed; `reference` is a call's request id or a payment's id."""

    id: str
    type: Annotated[str, one_of(Kind)]
    credits: CreditsField
    balance_after: CreditsField
    description: str
    created_at: datetime
    reference: str | None


class SealedTransactionView(TransactionView):
    """Every field of the leaf."""

    account_id: str
    position: int
    refers_to: str | None
    request_id: str | None


class ProofStepView(TypedDict):
    side: Annotated[str, one_of(("left", "right"))]
    hash: str


class CheckpointView(TypedDict):
    """`statement` is the text that the signature (base64, Ed25519) is of."""

    root: str
    signature: str
    kid: str
    signed_at: datetime
    statement: str


class ProofView(TypedDict):
    """Hashes are hexadecimal. `checkpoint` is null until the day's root is signed."""

    entry: SealedTransactionView
    path: list[ProofStepView]
    root: str
    sealed_at: datetime
    checkpoint: CheckpointView | None


@router.get("/api/v1/credits", response_model=CreditsView, summary="Read the balance", openapi_extra=SESSION_OR_KEY)
@guarded(caller_required)
async def read_credits(request: Request) -> Response:
    """What the account has, what running calls hold of it, and what may be spent. The value is rounded down to a
    cent. `expiring` lists the next credits to expire (null while that is being computed)."""
    billing = billing_of(request)
    standing = await credits.read_standing(billing, caller_of(request).account_id)
    wallet = standing.wallet
    told: CreditsView = {
        "credits": Credits(wallet.balance),
        "held": Credits(wallet.held),
        "available": Credits(wallet.available),
        "currency_value": Money(wallet.balance // MILLICREDITS_PER_CENT, "usd"),
        "first_key_minimum": Credits(billing.settings.min_credits_api_key * MILLICREDITS_PER_CREDIT),
        "expiring": _expiring_view(standing.expiring),
    }
    return answer(told)


@router.get("/api/v1/credits/transactions", response_model=Page[TransactionView], summary="List transactions")
@guarded(caller_required)
async def list_transactions(request: Request, limit: Limit = 20, after: After = None) -> Response:
    """Newest first; the sum over all is `credits`."""
    found = await credits.list_entries(billing_of(request), caller_of(request).account_id, after=after, limit=limit + 1)
    return page(found, limit, entry_view)


@router.get("/api/v1/credits/transactions/{entry_id}/proof", response_model=ProofView, summary="Prove a transaction")
@guarded(caller_required)
@refuses("not_found", "not_sealed_yet")
async def read_proof(request: Request, entry_id: str) -> Response:
    """The way from one entry to the seal's root, which a daily checkpoint signs; docs/verify_proof.py checks it.
    409 `not_sealed_yet` in the entry's first seconds."""
    billing = billing_of(request)
    return answer(_proof_view(await prove_entry(billing.database, caller_of(request).account_id, entry_id)))


def _expiring_view(expiring: list[Expiring] | None) -> list[ExpiringView] | None:
    if expiring is None:
        return None
    return [{"credits": Credits(each.millicredits), "expires_at": each.expires_at} for each in expiring]


def entry_view(posted: Posted) -> TransactionView:
    """An entry as the API shows it."""
    transfer = posted.transfer
    return {
        "id": ids.encode(ENTRY_PREFIX, transfer.id),
        "type": transfer.kind.value,
        "credits": Credits(transfer.signed),
        "balance_after": Credits(transfer.balance_after),
        "description": transfer.description,
        "created_at": posted.created_at,
        "reference": ids.encode("req", transfer.request_id) if transfer.request_id else transfer.reference,
    }


def _proof_view(proof: EntryProof) -> ProofView:
    transfer, checkpoint = proof.posted.transfer, proof.checkpoint
    return {
        "entry": {
            **entry_view(proof.posted),
            "account_id": transfer.account_id,
            "position": transfer.position,
            "refers_to": ids.encode(ENTRY_PREFIX, transfer.refers_to) if transfer.refers_to else None,
            "request_id": ids.encode("req", transfer.request_id) if transfer.request_id else None,
        },
        "path": [{"side": step.side, "hash": step.hash.hex()} for step in proof.path],
        "root": proof.root.hex(),
        "sealed_at": proof.sealed_at,
        "checkpoint": None if checkpoint is None else _checkpoint_view(checkpoint),
    }


def _checkpoint_view(checkpoint: Checkpoint) -> CheckpointView:
    return {
        "root": checkpoint.root.hex(),
        "signature": base64.b64encode(checkpoint.signature).decode(),
        "kid": checkpoint.kid,
        "signed_at": checkpoint.signed_at,
        "statement": checkpoint.statement,
    }
