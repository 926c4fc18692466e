"""What a call costs: an immutable version of a route's price, in millicredits.

The parts that are set add up; the minimum is a floor under their sum. A part of a millicredit is charged as a whole
one, so 1,000 calls of one token at a credit per 1,000 tokens are exactly one credit (C4).
"""

from dataclasses import dataclass

from services.gateway.domain.metering.usage import Usage

TOKENS_PER_PRICE = 1_000


@dataclass(frozen=True, slots=True)
class Price:
    """A version. All amounts are millicredits and not negative; one at least is above zero."""

    version: int
    per_call: int
    per_1000_tokens: int
    per_unit: int
    minimum: int

    def __post_init__(self) -> None:
        parts = (self.per_call, self.per_1000_tokens, self.per_unit, self.minimum)
        assert min(parts) >= 0 and max(parts) > 0

    @property
    def is_known_beforehand(self) -> bool:
        """Nothing that the upstream reports can change it."""
        return not self.per_1000_tokens and not self.per_unit

    @property
    def fixed(self) -> int:
        """The least that an answered call costs, and all that one without sensible usage does."""
        return max(self.per_call, self.minimum)

    def cost(self, usage: Usage) -> int:
        """What the metered call costs."""
        tokens = -(-(usage.tokens or 0) * self.per_1000_tokens // TOKENS_PER_PRICE)
        return max(self.minimum, self.per_call + tokens + (usage.units or 0) * self.per_unit)


@dataclass(frozen=True, slots=True)
class HoldBounds:
    """`at_least` (never nothing) must be available, else 402; up to `amount` is held."""

    at_least: int
    amount: int


def hold_bounds(price: Price, *, max_hold: int, estimated_input: int, most_tokens: int | None) -> HoldBounds:
    """What to hold for a call whose price is known afterwards. `most_tokens` is the request's own bound on input and
    output together, None where it names none; units are never bounded by the request."""
    bounded = most_tokens is not None and not price.per_unit
    most = price.cost(Usage(tokens=most_tokens)) if bounded else max_hold
    least = price.cost(Usage(tokens=estimated_input))
    amount = max(1, min(most, max_hold))
    return HoldBounds(at_least=max(1, min(least, amount)), amount=amount)
