"""What is counted of keys that are asked for (C9)."""

from shared.telemetry import REGISTRY
from shared.traffic import Tally

ISSUED, REFUSED_FOR_CREDIT, REFUSED = "issued", "refused_for_credit", "refused"

KEY_ATTEMPTS = Tally(
    "tollgate_key_attempts",
    "Attempts to make an API key (C9), by what came of them.",
    "result",
    (ISSUED, REFUSED_FOR_CREDIT, REFUSED),
    registry=REGISTRY,
)
