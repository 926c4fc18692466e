"""How a call is sent, refused, sent again and given up: the rules, without a socket.

`exchange` is a generator. It yields what is to be done next, an `Outgoing` request or a `Pause`, and is sent the answer
or the transport's error; what it returns is the call's result. driving.py does what it asks for.

A request is sent again only where that does nothing twice: it changes nothing, or bears an Idempotency-Key that stays
the same, or it certainly wasn't carried out. A paid call costs each time, whatever its method: it is sent again only
with an Idempotency-Key. Retry-After is honoured where it fits the budget; a longer one is told to the caller at once,
since sending earlier would only be refused again.
"""

import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx

from tollgate_client.errors import Unreachable

T = TypeVar("T")

_PASSING = frozenset({429, 500, 502, 503, 504})
_UNDER_WAY = "idempotency_in_progress"


@dataclass(frozen=True)
class Retries:
    """How often a call is tried in all, and for how long: no attempt begins once the budget is used up by waiting, for
    answers and between them. `Retries(attempts=1)`: never again."""

    attempts: int = 4
    budget_seconds: float = 30.0
    first_pause_seconds: float = 0.25
    longest_pause_seconds: float = 8.0


@dataclass(frozen=True)
class Outgoing:
    """A request, its body already bytes: every attempt sends the same. `may_repeat`: carrying it out twice is the same
    as once. `streamed`: the answer's body is left unread."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    may_repeat: bool = False
    streamed: bool = False

    def at(self, prefix: str, headers: Mapping[str, str]) -> "Outgoing":
        """The same, to one platform and as one caller."""
        return replace(self, path=prefix + self.path, headers={**self.headers, **headers})


@dataclass(frozen=True)
class Pause:
    seconds: float


Step = Outgoing | Pause
Outcome = httpx.Response | httpx.RequestError | None
"""Of a step: the answer, or why none came; None of a pause."""
Flow = Generator[Step, Outcome, T]


def exchange(outgoing: Outgoing, retries: Retries) -> Flow[httpx.Response]:
    """The answer, whatever its status. `Unreachable` where none came."""
    if retries.attempts < 1:
        raise ValueError("Retries.attempts is at least 1")
    left_seconds, attempt = retries.budget_seconds, 1
    while True:
        began = time.monotonic()
        outcome = yield outgoing
        seconds = _pause_seconds(outcome, attempt, retries)
        left_seconds -= seconds + (time.monotonic() - began)
        if attempt == retries.attempts or left_seconds < 0 or not _is_passing(outcome, outgoing):
            return _answer_of(outcome, outgoing)
        yield Pause(seconds)
        attempt += 1


def _answer_of(outcome: Outcome, outgoing: Outgoing) -> httpx.Response:
    if isinstance(outcome, httpx.Response):
        return outcome
    raise Unreachable(f"{outgoing.method} {outgoing.path}: {type(outcome).__name__}") from outcome


def retry_after_seconds(answer: httpx.Response) -> float | None:
    """The header's seconds or date, as seconds from now; None where there is none that can be read."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _is_passing(outcome: Outcome, outgoing: Outgoing) -> bool:
    """Whether the same request may be answered otherwise soon, and may be sent again."""
    if not isinstance(outcome, httpx.Response):
        never_left = isinstance(outcome, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        return never_left or outgoing.may_repeat
    if outcome.headers.get("x-should-retry") == "false":
        return False
    if outcome.status_code == 429:
        return True  # it was not carried out
    if outcome.status_code == 409:
        return not outgoing.streamed and f'"{_UNDER_WAY}"'.encode() in outcome.content
    return outcome.status_code in _PASSING and outgoing.may_repeat


def _pause_seconds(outcome: Outcome, attempt: int, retries: Retries) -> float:
    """What Retry-After asks for, else twice as long each time, with half of it by chance."""
    asked_for = retry_after_seconds(outcome) if isinstance(outcome, httpx.Response) else None
    grown = min(retries.longest_pause_seconds, retries.first_pause_seconds * 2.0 ** (attempt - 1))
    spread = grown * random.uniform(0.5, 1.0)  # noqa: S311 - so that many clients don't come back together
    return spread if asked_for is None else asked_for + spread * 0.1
