"""The way in, the same at every service: strict JSON, an order of refusals, problem documents, request ids.

FastAPI reads a body before it looks at credentials, and the standard `json` takes NaN and doubled names; `StrictRoute`
judges credentials first, then the path, then decodes strictly.
"""

from shared.doors.answers import answer, problem_response
from shared.doors.application import install
from shared.doors.routing import StrictRoute, guarded, takes_idempotency_key
from shared.doors.wire import (
    Change,
    CountryField,
    CreditsField,
    InstantField,
    MoneyField,
    MoneyView,
    Text,
    WholeCreditsField,
    Wire,
    one_of,
)
from shared.problems import refuses

__all__ = [
    "Change",
    "CountryField",
    "CreditsField",
    "InstantField",
    "MoneyField",
    "MoneyView",
    "StrictRoute",
    "Text",
    "WholeCreditsField",
    "Wire",
    "answer",
    "guarded",
    "install",
    "one_of",
    "problem_response",
    "refuses",
    "takes_idempotency_key",
]
