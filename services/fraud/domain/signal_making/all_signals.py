"""Every signal of a payment, once: what `domain/signals.py` names."""

from datetime import datetime

from services.fraud.domain.facts import Background, Payment
from services.fraud.domain.signal_making.amounts import amount_signals
from services.fraud.domain.signal_making.bots import bot_signals
from services.fraud.domain.signal_making.location import location_signals
from services.fraud.domain.signal_making.plain import plain_signals
from services.fraud.domain.signal_making.sharing import sharing_signals
from services.fraud.domain.signal_making.times import time_signals
from services.fraud.domain.signals import Value
from services.fraud.domain.velocity import NOTHING_READ, VelocityReading


def signals_of(
    payment: Payment,
    background: Background,
    reading: VelocityReading | None,
    *,
    seen_at: datetime,
    disposable_domains: frozenset[str],
) -> dict[str, Value]:
    """All signals; `reading` is None where the counters could not be read. `seen_at` is real time."""
    return {
        **plain_signals(payment),
        **amount_signals(payment, background),
        **location_signals(payment, background),
        **time_signals(payment, background),
        **sharing_signals(payment, background, disposable_domains),
        **bot_signals(payment, background, seen_at=seen_at),
        "features_available": reading is not None,
        **(NOTHING_READ if reading is None else reading),
    }
