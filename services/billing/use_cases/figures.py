"""The business's figures: for siblings at once, for Prometheus as a loop finds them."""

from datetime import timedelta

from prometheus_client import Gauge

from services.billing.domain.figures import PaymentFigures
from services.billing.domain.payment import Status
from services.billing.service import Billing
from services.billing.store import figures
from services.billing.use_cases import stripe_figures
from shared.telemetry import REGISTRY

PERIOD = timedelta(days=30)
FIGURES_EVERY_SECONDS = 15.0

_PAYMENTS = Gauge(
    "tollgate_payments_30d", "Purchases of credits begun in the last 30 days, by status.", ["status"], registry=REGISTRY
)
_REVENUE = Gauge(
    "tollgate_revenue_30d_usd_cents",
    "Money of those purchases in US cents: gross, refunded, disputed, net.",
    ["part"],
    registry=REGISTRY,
)
_PAYING = Gauge("tollgate_paying_accounts_30d", "Accounts that paid for one of them.", registry=REGISTRY)


async def figures_of(billing: Billing) -> PaymentFigures:
    """Of the last 30 days (business time)."""
    async with billing.database.transaction() as connection:
        return await figures.payment_figures(connection, since=billing.clock.now() - PERIOD)


async def show_figures(billing: Billing) -> bool:
    """Set the gauges. There is never more to do at once."""
    async with billing.database.transaction() as connection:
        found = await figures.payment_figures(connection, since=billing.clock.now() - PERIOD)
        of_stripe = await stripe_figures.read(billing, connection)
    for status in Status:
        _PAYMENTS.labels(status.value).set(found.by_status.get(status, 0))
    for part, amount in (
        ("gross", found.gross_usd_minor),
        ("refunded", found.refunded_usd_minor),
        ("disputed", found.disputed_usd_minor),
        ("net", found.net_usd_minor),
    ):
        _REVENUE.labels(part).set(amount)
    _PAYING.set(found.paying_accounts)
    stripe_figures.show(of_stripe, now=billing.clock.now())
    return False
