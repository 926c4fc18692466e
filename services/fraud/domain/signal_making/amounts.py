"""Whether an amount is like what the account, and accounts of its tier, pay (U9: amount anomaly)."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from statistics import median_low

from services.fraud.domain.facts import Background, PastPayment, Payment
from services.fraud.domain.signals import Value

FEWEST_FOR_TYPICAL = 3
_HOUR = timedelta(hours=1)


def amount_signals(payment: Payment, background: Background) -> dict[str, Value]:
    """The amount against the account's own payments and against its tier's. Blocked ones tell nothing of what an
    account usually pays: who was refused would else set the measure."""
    past = background.past
    amounts = [each.amount_usd_minor for each in past if each.decision != "block"]
    typical = median_low(amounts) if len(amounts) >= FEWEST_FOR_TYPICAL else 0
    return {
        "history_payments": len(past),
        "account_typical_minor": typical,
        "account_largest_minor": max(amounts, default=0),
        "amount_over_typical_percent": _percent(payment.amount_usd_minor, typical),
        "amount_over_tier_percent": _percent(payment.amount_usd_minor, background.tier_high_minor or 0),
        "amounts_rising": _rising(payment.amount_usd_minor, past),
        "hours_since_last": _hours_since(payment, past),
        "held_or_blocked_before": sum(each.decision != "allow" for each in past),
    }


def _percent(amount: int, of: int) -> int:
    return 100 * amount // of if of > 0 else 0


def _rising(amount: int, past: Sequence[PastPayment]) -> int:
    """Steps down the line, from the newest, of which each is at least twice what lies under it."""
    line = [amount, *(each.amount_usd_minor for each in past)]
    return sum(1 for _ in itertools.takewhile(_doubled, itertools.pairwise(line)))


def _doubled(pair: tuple[int, int]) -> bool:
    later, earlier = pair
    return later >= 2 * earlier > 0


def _hours_since(payment: Payment, past: Sequence[PastPayment]) -> int:
    return max(0, (payment.occurred_at - past[0].occurred_at) // _HOUR) if past else -1
