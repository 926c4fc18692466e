"""S14: how much an account may pay in a rolling 24 hours. US cents throughout; exactly the limit is allowed."""

from dataclasses import dataclass
from datetime import timedelta

from shared.errors import DomainError
from shared.money import Money

WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class CreditLimit:
    """The limit, and what the window's live payments have used of it."""

    limit_minor: int
    used_minor: int

    @property
    def available_minor(self) -> int:
        return max(0, self.limit_minor - self.used_minor)

    def require(self, usd_minor: int) -> None:
        """Raise CreditLimitExceeded where one more payment of `usd_minor` would go past the limit."""
        if self.used_minor + usd_minor > self.limit_minor:
            raise CreditLimitExceeded(self)


class CreditLimitExceeded(DomainError):
    """Bears `limit`, `used` and `available` as money."""

    def __init__(self, limit: CreditLimit) -> None:
        super().__init__(
            "credit_limit_exceeded",
            "This payment would go past what the account may pay in 24 hours. Each payment counts for 24 hours from"
            " its beginning, an unpaid checkout until it expires or is canceled. An operator may raise the limit.",
            extra={
                "limit": Money(limit.limit_minor, "usd").as_json(),
                "used": Money(limit.used_minor, "usd").as_json(),
                "available": Money(limit.available_minor, "usd").as_json(),
            },
        )
