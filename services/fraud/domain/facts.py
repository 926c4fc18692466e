"""What is known of a payment before it is judged: what billing says of it, and what fraud looks back at.

Addresses of people are digests (S16). Amounts are US cents, whatever the payment's currency. Of several payments of one
account at the same time each may miss the others here; the counters (velocity) miss none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from services.fraud.domain.blacklist import Entry, Traits

Kind = Literal["credits", "sale"]
Tier = Literal["new", "verified", "enterprise"]
Origin = Literal["checkout", "auto_top_up", "sale"]
TraitKind = Literal["card", "device", "ip", "mailbox"]

LOOKED_BACK_AT = 50
"""Earlier payments of an account that a judgement sees, the latest first."""


@dataclass(frozen=True, slots=True)
class Payment:
    """The facts of one payment, as billing tells them; None where it does not know. Times are business time."""

    payment_id: str
    account_id: str
    kind: Kind
    amount_usd_minor: int
    currency: str
    traits: Traits
    occurred_at: datetime
    tier: Tier | None = None
    business_type: str | None = None
    origin: Origin | None = None
    user_agent: str | None = None
    session_hash: str | None = None
    mailbox_hash: str | None = None
    card_country: str | None = None
    card_funding: str | None = None
    account_created_at: datetime | None = None
    paid_payments: int | None = None
    first_sale: bool | None = None

    def shared_traits(self) -> dict[TraitKind, str]:
        """By what accounts may be found to be one another's."""
        values: dict[TraitKind, str | None] = {
            "card": self.traits.card_fingerprint,
            "device": self.traits.device_id,
            "ip": self.traits.ip_match,
            "mailbox": self.mailbox_hash,
        }
        return {kind: value for kind, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a network is: a point, and how far around it the address may be."""

    latitude: float
    longitude: float
    radius_km: int


@dataclass(frozen=True, slots=True)
class Network:
    """What is known of the narrowest imported network that holds the caller's address."""

    country: str
    kind: str
    place: Place | None


@dataclass(frozen=True, slots=True)
class PastPayment:
    """An earlier payment of the account. `seen_at` is real time."""

    amount_usd_minor: int
    decision: str
    origin: str | None
    device_id: str | None
    session_hash: str | None
    country: str | None
    place: Place | None
    occurred_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class TraitUse:
    """How many accounts paid with a trait before, and whether this one did."""

    accounts: int
    by_this_account: bool


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A registered device, and how many accounts have claimed devices of its fingerprint."""

    type: str
    sharers: int


@dataclass(frozen=True, slots=True)
class Background:
    """What fraud's own records say about a payment that was not judged yet. `past` is newest first."""

    entries: tuple[Entry, ...] = ()
    past: tuple[PastPayment, ...] = ()
    uses: Mapping[TraitKind, TraitUse] = field(default_factory=dict)
    network: Network | None = None
    device: KnownDevice | None = None
    tier_high_minor: int | None = None
    lists_version: str = ""
