"""A plan: what a subscription costs, how often, and what its license may do."""

from dataclasses import dataclass
from typing import Literal, NewType

from shared.money import Money

PlanId = NewType("PlanId", str)
Interval = Literal["day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class Plan:
    """`price` for every `interval_count` intervals. `lease_seconds` makes its licenses floating: a server that has not
    been heard of for so long frees its seat. A retired plan is sold no more, and goes on for those who have it."""

    id: PlanId
    name: str
    price: Money
    interval: Interval
    interval_count: int = 1
    trial_days: int = 0
    max_activations: int = 1
    lease_seconds: int | None = None
    entitlements: tuple[str, ...] = ()
    live: bool = True
    stripe_product_id: str | None = None
    stripe_price_id: str | None = None
