"""Operators' doors to the ledger: grants, debits, an account's entries, and the proof of the book."""

from typing import Literal, NotRequired

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.credits import TransactionView, entry_view
from services.billing.api.guards import actor_of, billing_of, caller_of
from services.billing.api.reports_admin import MicrosView
from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.transfer import Posted
from services.billing.use_cases import operator_postings
from services.billing.use_cases.verify import verify
from shared.db import Connection
from shared.doors import (
    CreditsField,
    InstantField,
    StrictRoute,
    Text,
    Wire,
    answer,
    guarded,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, page
from shared.errors import Invalid
from shared.idempotency import Claim
from shared.money import Credits
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])

_CREATED = 201


class GrantBody(Wire):
    """Credits to give; without `expires_at` they stay."""

    credits: CreditsField
    reason: Text
    expires_at: InstantField | None = None


class DebitBody(Wire):
    """Credits to take, and how it is booked."""

    credits: CreditsField
    reason: Text
    booked_as: Literal["adjustment", "breakage"] = Field("adjustment", alias="as")


class LedgerDifferenceView(TypedDict):
    """Where the book or its seal does not hold. `kind` and what follows are of a money posting, whose amounts are
    micros; a wallet's are millicredits, a seal's are hashes."""

    account_id: str | None
    what: str
    recorded: int | str | None
    recomputed: int | str | None
    transaction: str | None
    kind: NotRequired[str]
    reference: NotRequired[str]
    currency: NotRequired[str]


class TransactionForOperatorsView(TransactionView):
    """An entry with the operator who made it by hand; null for all others."""

    made_by: str | None


class WaitingView(MicrosView):
    ledger_account: str


class CheckedView(TypedDict):
    wallets: int
    transfers: int


class CheckedMoneyView(TypedDict):
    checked: int
    waiting: list[WaitingView]


class VerdictView(TypedDict):
    balanced: bool
    sealed: bool
    trial_balance: CreditsField
    differences: list[LedgerDifferenceView]
    checked: CheckedView
    money: CheckedMoneyView


@refuses("not_found")
async def _known_account(request: Request) -> None:
    """Guard: the account of the path exists."""
    await operator_postings.require_account(billing_of(request), request.path_params["account_id"])


@router.post(
    "/api/v1/admin/accounts/{account_id}/grants",
    status_code=_CREATED,
    response_model=TransactionView,
    summary="Give credits",
)
@guarded(operator_required, _known_account)
@takes_idempotency_key
async def grant(request: Request, account_id: str, body: GrantBody) -> Response:
    """201 with the entry."""

    async def work(claim: Claim) -> Response:
        return await operator_postings.grant_credits(
            billing_of(request),
            actor_of(request),
            account_id,
            millicredits=_positive(body.credits),
            reason=body.reason,
            expires_at=body.expires_at,
            keep=_kept_by(claim),
        )

    return await idempotently(request, caller_of(request).account_id, work)


@router.post(
    "/api/v1/admin/accounts/{account_id}/debits",
    status_code=_CREATED,
    response_model=TransactionView,
    summary="Take credits",
)
@guarded(operator_required, _known_account)
@refuses(insufficient_credits=409)
@takes_idempotency_key
async def debit(request: Request, account_id: str, body: DebitBody) -> Response:
    """201 with the entry; 409 `insufficient_credits` where it would take more than is available. As `breakage`: credits
    of an account that lies still, which nobody is expected to spend any more."""

    async def work(claim: Claim) -> Response:
        return await operator_postings.debit_credits(
            billing_of(request),
            actor_of(request),
            account_id,
            millicredits=_positive(body.credits),
            reason=body.reason,
            kind=Kind.BREAKAGE if body.booked_as == "breakage" else Kind.DEBIT,
            keep=_kept_by(claim),
        )

    return await idempotently(request, caller_of(request).account_id, work)


@router.get(
    "/api/v1/admin/accounts/{account_id}/transactions",
    response_model=Page[TransactionForOperatorsView],
    summary="List an account's transactions",
)
@guarded(operator_required, _known_account)
async def list_account_transactions(
    request: Request, account_id: str, limit: Limit = 20, after: After = None
) -> Response:
    """Newest first, as the account sees them, and with `made_by`: the operator who gave or took credits by hand (null
    for all others, and where that was not written down yet). Why is the `description`."""
    found = await operator_postings.list_entries_seen(billing_of(request), account_id, after=after, limit=limit + 1)
    return page(found, limit, lambda seen: {**entry_view(seen.posted), "made_by": seen.made_by})


@router.get("/api/v1/admin/ledger/verify", response_model=VerdictView, summary="Prove the book")
@guarded(operator_required)
async def verify_book(request: Request) -> Response:
    """Every balance recomputed from the entries, every money posting summed, and every seal recomputed from what it
    covers. `sealed` is false where something under a seal was changed, or something was not sealed within 2 s.
    `money.waiting` lists what credits and money show on one side only, as they do while events are under way."""
    billing = billing_of(request)
    return answer((await verify(billing.database, billing.settings.seal_signer)).as_view())


def _positive(credits: Credits) -> int:
    if credits.millicredits <= 0:
        raise Invalid("/credits", "must be over zero")
    return credits.millicredits


def _kept_by(claim: Claim) -> operator_postings.Keep[Response]:
    async def keep(transaction: Connection, posted: Posted) -> Response:
        return await claim.keep(transaction, _CREATED, entry_view(posted))

    return keep
