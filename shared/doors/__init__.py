"""The way in, the same at every service: strict JSON, an order of refusals, problem documents, request ids.

FastAPI reads a body before it looks at credentials, and the standard `json` takes NaN and doubled names; `StrictRoute`
judges credentials first, then the path, then decodes strictly.
"""

from shared.doors.answers import answer, problem_response
from shared.doors.application import install
from shared.doors.routing import StrictRoute, guarded
from shared.doors.wire import (
    CountryField,
    CreditsField,
    InstantField,
    MoneyField,
    Text,
    WholeCreditsField,
    Wire,
)

__all__ = [
    "CountryField",
    "CreditsField",
    "InstantField",
    "MoneyField",
    "StrictRoute",
    "Text",
    "WholeCreditsField",
    "Wire",
    "answer",
    "guarded",
    "install",
    "problem_response",
]
