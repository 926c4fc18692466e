"""Billing as one value: what its routes and loops work with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from redis.asyncio import Redis

from services.billing.clients.fraud import Fraud
from services.billing.clients.gateway import Gateway
from services.billing.clients.licensing import Licensing
from services.billing.clients.stripe import StripeGate
from services.billing.domain.ledger.items import Item, Result
from services.billing.domain.ledger.usage import Ending
from services.billing.settings import Settings
from shared.clock import Clock
from shared.db import Database

WEBHOOKS_BELL = "billing:webhooks"
"""The channel that rings when one of Stripe's events has been stored."""

LICENSING_BELL = "events:licensing"
"""The channel that rings when licensing has news."""


FRAUD_BELL = "events:fraud"
"""The channel that rings when fraud has news."""


class Posting(Protocol):
    """How items of paid calls are posted: `use_cases.posting`."""

    async def post(self, items: Sequence[Item], *, within_ms: int | None = None) -> Sequence[Result]: ...

    async def tell_endings(self, endings: Sequence[Ending]) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Billing:
    """`app.state.service`: the schema, Redis, the clock, the settings and the systems that billing asks.

    `webhook_bell` wakes this process's worker at once; the channel `WEBHOOKS_BELL` wakes the others'. `news_bell` wakes
    the dispatcher of events, `deeds_bell` whoever asks of Stripe what a subscription's change wants, `licensing_bell`
    and `fraud_bell` whoever reads licensing's and fraud's news, and `reviews_bell` whoever does what was decided of
    held payments.
    """

    database: Database
    poster: Posting
    redis: Redis
    clock: Clock
    settings: Settings
    stripe: StripeGate
    fraud: Fraud
    gateway: Gateway
    licensing: Licensing
    webhook_bell: asyncio.Event = field(default_factory=asyncio.Event)
    news_bell: asyncio.Event = field(default_factory=asyncio.Event)
    deeds_bell: asyncio.Event = field(default_factory=asyncio.Event)
    licensing_bell: asyncio.Event = field(default_factory=asyncio.Event)
    fraud_bell: asyncio.Event = field(default_factory=asyncio.Event)
    reviews_bell: asyncio.Event = field(default_factory=asyncio.Event)
