"""What a change in the middle of a period costs: the unused time of what was, and the remaining time of what is.

Amounts are whole minor units, each share rounded half up by itself, to the second.
"""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain.values import Json


@dataclass(frozen=True)
class Proration:
    """One line of a change: `amount_minor` is negative for time that will not be used."""

    item_id: str
    price: Json
    quantity: int
    amount_minor: int
    start: int
    end: int

    @property
    def is_credit(self) -> bool:
        return self.amount_minor < 0


def share_minor(amount_minor: int, *, start: int, end: int, at: int) -> int:
    """The part of a period's amount that falls after `at`; all of it before the period, nothing after."""
    assert end > start, "a period has a length"
    left = min(max(end - at, 0), end - start)
    return (2 * amount_minor * left + (end - start)) // (2 * (end - start))


def unused(item: Json, *, at: int) -> Proration:
    """What the item was paid for and will not give."""
    return _of(item, at=at, sign=-1)


def remaining(item: Json, *, at: int) -> Proration:
    """What the item costs for the rest of its period."""
    return _of(item, at=at, sign=1)


def of_change(before: list[Json], after: list[Json], *, at: int) -> list[Proration]:
    """The lines of a change of subscription items, credits first; nothing for items that stay as they are.

    Zero amounts make no line.
    """
    kept = {item["id"]: item for item in after}
    known = {item["id"]: item for item in before}
    left = [item for item in before if _differs(item, kept.get(item["id"]))]
    come = [item for item in after if _differs(item, known.get(item["id"]))]
    lines = [unused(item, at=at) for item in left] + [remaining(item, at=at) for item in come]
    return [line for line in lines if line.amount_minor != 0]


def _of(item: Json, *, at: int, sign: int) -> Proration:
    start, end = item["current_period_start"], item["current_period_end"]
    amount = share_minor(item["price"]["unit_amount"] * item["quantity"], start=start, end=end, at=at)
    begins = min(max(at, start), end)
    return Proration(item["id"], item["price"], item["quantity"], sign * amount, begins, end)


def _differs(item: Json, other: Json | None) -> bool:
    return other is None or (item["price"]["id"], item["quantity"]) != (other["price"]["id"], other["quantity"])
