"""Operators' reports: sales and profit of a period, and the trial balance of both sub-books.

Amounts are finer than a currency's minor unit, so each is `{micros, decimal, currency}`: millionths of the major unit
as an integer, and the same in decimals.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import billing_of
from services.billing.api.instants import instant_of
from services.billing.use_cases.reports import period_of, report_revenue, report_trial_balance
from shared.doors import StrictRoute, answer, guarded
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])

Instant = Annotated[str | None, Query(max_length=40, description="A date, or an RFC 3339 time.")]


class MicrosView(TypedDict):
    """An amount finer than a minor unit."""

    micros: int
    decimal: str
    currency: str


class OwedView(TypedDict):
    """What the wallets were worth at an instant, in US dollars."""

    deferred_revenue: MicrosView
    promotional_credits: MicrosView
    customers_debts: MicrosView


RevenueView = TypedDict(
    "RevenueView",
    {
        "from": datetime,
        "to": datetime,
        "sales": dict[str, list[MicrosView]],
        "profit": dict[str, list[MicrosView]],
        "exchange": list[MicrosView],
        "opening": OwedView,
        "closing": OwedView,
    },
)


class SidesView(TypedDict):
    currency: str
    debit: MicrosView
    credit: MicrosView
    balance: MicrosView


class LedgerAccountView(SidesView):
    ledger_account: str
    nature: str


class TrialBalanceView(TypedDict):
    at: datetime
    balanced: bool
    accounts: list[LedgerAccountView]
    totals: list[SidesView]


@router.get("/api/v1/admin/reports/revenue", response_model=RevenueView, summary="Report sales and profit")
@guarded(operator_required)
async def revenue(
    request: Request,
    start: Annotated[Instant, Query(alias="from")] = None,
    to: Instant = None,
    currency: Annotated[str | None, Query(pattern="^[a-z]{3}$")] = None,
) -> Response:
    """Sales, profit and open exchange of a period (the last 30 days unless told; a date as `to` includes that day),
    and the credits that were sold, given and owed at its beginning and end, in US dollars."""
    billing = billing_of(request)
    start_at, end_at = period_of(
        None if start is None else instant_of(start, "from"),
        None if to is None else instant_of(to, "to", whole_day=True),
        now=billing.clock.now(),
    )
    report = await report_revenue(billing.database, start=start_at, end=end_at)
    return answer(report.as_view(currency))


@router.get("/api/v1/admin/reports/trial-balance", response_model=TrialBalanceView, summary="Report the trial balance")
@guarded(operator_required)
async def trial_balance(request: Request, at: Instant = None) -> Response:
    """Debits, credits and balance of every ledger account in each currency, of all that was booked before an instant
    (now unless told; a date includes that day). `balanced` says whether each currency's debits are its credits."""
    billing = billing_of(request)
    instant = billing.clock.now() if at is None else instant_of(at, "at", whole_day=True)
    return answer((await report_trial_balance(billing.database, at=instant)).as_view())
