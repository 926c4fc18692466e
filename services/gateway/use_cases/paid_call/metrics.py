"""What is counted of paid calls (C9, S5)."""

from typing import get_args

from prometheus_client import Counter, Gauge

from shared.contracts.ledger import Outcome
from shared.telemetry import REGISTRY
from shared.traffic import Tally

CALLS = Tally("tollgate_paid_calls", "Paid calls, by how they ended.", "outcome", get_args(Outcome), registry=REGISTRY)
REFUSED = Counter(
    "tollgate_paid_calls_refused_total", "Paid calls refused before forwarding, by code.", ["code"], registry=REGISTRY
)
REFUSED_FOR_CREDIT = Counter(
    "tollgate_calls_refused_for_credit_total", "Calls refused for lack of credit (C9).", registry=REGISTRY
)
METERING_FAULTS = Counter(
    "tollgate_metering_faults_total",
    "Answers whose usage was not taken at its word, by why.",
    ["route", "kind"],
    registry=REGISTRY,
)
WRITTEN_OFF = Counter(
    "tollgate_written_off_millicredits_total", "What calls cost beyond their holds.", registry=REGISTRY
)
UNDO_WAITING = Gauge(
    "tollgate_undo_waiting", "Charges and holds of unanswered calls that wait to be undone.", registry=REGISTRY
)
UNDO_DROPPED = Counter(
    "tollgate_undo_dropped_total", "Undoings that found the queue full: their charges stand.", registry=REGISTRY
)
OUTCOMES_DROPPED = Counter(
    "tollgate_outcomes_dropped_total", "Outcomes of calls that billing could not be told.", registry=REGISTRY
)
LIMITS_ARE_LOCAL = Gauge(
    "tollgate_limits_are_local", "1 while Redis is away and each process counts its own share.", registry=REGISTRY
)
BANS = Counter("tollgate_key_bans_total", "Keys banned for abuse (S2).", registry=REGISTRY)
REPEATS = Counter(
    "tollgate_paid_repeats_total", "Calls whose Idempotency-Key was known, by what became of them.", ["what"],
    registry=REGISTRY,
)  # fmt: skip
