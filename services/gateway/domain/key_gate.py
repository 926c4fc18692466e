"""Credits before keys (C1, C2). Creating a key asks for a balance; it takes nothing."""

from shared.errors import DomainError
from shared.money import MILLICREDITS_PER_CREDIT, Credits

FURTHER_KEY_MINIMUM = MILLICREDITS_PER_CREDIT
"""Millicredits that a further key needs: 1 credit (C2)."""

CHECKOUT_PATH = "/credits/buy"


class NotEnoughForKey(DomainError):
    """402: what is available doesn't reach what a key needs."""

    def __init__(self, *, available: int, required: int) -> None:
        super().__init__(
            "insufficient_credits",
            f"An API key needs {Credits(required)} available credits; this account has {Credits(available)}.",
            extra={
                "credits": Credits(available),
                "required": Credits(required),
                "checkout_path": CHECKOUT_PATH,
            },
        )


def required_for_key(*, had_a_key: bool, first_key_minimum: int) -> int:
    """Millicredits that must be available for the next key. A first key is the first ever, revoked or not."""
    return FURTHER_KEY_MINIMUM if had_a_key else first_key_minimum


def check_key_gate(*, available: int, required: int) -> None:
    """Raise NotEnoughForKey under the minimum."""
    if available < required:
        raise NotEnoughForKey(available=available, required=required)
