"""A customer of Stripe's and the cards that it keeps for an account."""

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SavedCard:
    """A payment method of Stripe's (`pm_...`) that can be charged again."""

    id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class CustomerState:
    """A customer as Stripe has it. `account_id` is what we named in its metadata; a deleted one has no cards.
    `asked_at` is when Stripe was asked (real time): of two states the one that was asked for later counts."""

    id: str
    account_id: str | None
    is_deleted: bool
    cards: tuple[SavedCard, ...]
    asked_at: datetime


def with_default(cards: tuple[SavedCard, ...]) -> tuple[SavedCard, ...]:
    """The cards with exactly one default: Stripe's, else the newest. Cards come newest first."""
    if not cards or any(card.is_default for card in cards):
        return cards
    return (replace(cards[0], is_default=True), *cards[1:])


def default_of(cards: tuple[SavedCard, ...]) -> SavedCard | None:
    """The card that is charged where none is named."""
    return next((card for card in cards if card.is_default), None)
