"""What billing tells of its payments for metrics: GET /internal/v1/figures."""

from typing import TypedDict

PATH = "/internal/v1/figures"


class PaymentFigures(TypedDict):
    """Purchases of credits begun in the last `period_days`; money in US cents."""

    period_days: int
    begun: int
    paid: int
    by_status: dict[str, int]
    gross_usd_minor: int
    refunded_usd_minor: int
    disputed_usd_minor: int
    net_usd_minor: int
    paying_accounts: int
