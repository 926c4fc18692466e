"""What waits between us and Stripe, for Prometheus: events, disputes, and what reconciliations found.

All of it is read from the tables, so that every process shows the same, whichever process or command did the work.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Gauge

from services.billing.domain.figures import DisputesDue
from services.billing.domain.reconciliation import KINDS, Report
from services.billing.service import Billing
from services.billing.store import figures, reconciliations
from shared.db import Connection
from shared.telemetry import REGISTRY

_PERIOD = timedelta(days=30)

_EVENTS = Gauge(
    "tollgate_stripe_events_open",
    "Events of Stripe's that wait, fail, or are parked until an operator replays them.",
    ["status"],
    registry=REGISTRY,
)
_DISPUTES = Gauge("tollgate_disputes_due", "Disputes that can still be answered.", registry=REGISTRY)
_SECONDS_LEFT = Gauge(
    "tollgate_disputes_due_seconds",
    "Until the soonest of them is due; +Inf where there is none.",
    registry=REGISTRY,
)
_RECONCILED_AT = Gauge(
    "tollgate_stripe_reconciled_timestamp_seconds",
    "When the last reconciliation ended, in unix seconds; 0 where there was none.",
    registry=REGISTRY,
)
_LEFT = Gauge(
    "tollgate_stripe_differences", "Differences that the last reconciliation could not repair.", registry=REGISTRY
)
_DRIFT = Gauge(
    "tollgate_stripe_drift_minor",
    "Stripe's balance less the ledger's account of it, at the last reconciliation, in minor units.",
    ["currency"],
    registry=REGISTRY,
)
_REPAIRED = Gauge(
    "tollgate_stripe_repaired_30d",
    "What reconciliations of the last 30 days repaired, by kind, of what their reports list.",
    ["kind"],
    registry=REGISTRY,
)


@dataclass(frozen=True, slots=True)
class StripeFigures:
    """`events` by status, `repaired` by kind of difference; `last` is the newest finished report."""

    events: dict[str, int]
    disputes: DisputesDue
    last: Report | None
    repaired: dict[str, int]


async def read(billing: Billing, connection: Connection) -> StripeFigures:
    """As the tables have it, in the caller's transaction."""
    newest = await reconciliations.page(connection, after=None, limit=1)
    return StripeFigures(
        events=await figures.open_events(connection),
        disputes=await figures.disputes_due(connection),
        last=newest[0] if newest else None,
        repaired=await reconciliations.repaired_since(connection, billing.clock.real_now() - _PERIOD),
    )


def show(found: StripeFigures, *, now: datetime) -> None:
    """Set the gauges."""
    for state in ("received", "failed", "parked"):
        _EVENTS.labels(state).set(found.events.get(state, 0))
    _DISPUTES.set(found.disputes.count)
    left = found.disputes.time_left(now)
    _SECONDS_LEFT.set(math.inf if left is None else left.total_seconds())
    for kind in KINDS:
        _REPAIRED.labels(kind).set(found.repaired.get(kind, 0))
    if found.last is not None:
        _show_report(found.last)


def _show_report(report: Report) -> None:
    """A currency that the report no longer names is shown no more."""
    _RECONCILED_AT.set(report.finished_at.timestamp())
    _LEFT.set(len(report.left))
    _DRIFT.clear()
    for currency, minor in report.drift_minor.items():
        _DRIFT.labels(currency).set(minor)
