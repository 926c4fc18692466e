"""A paid request and its answer as plain values, whatever serves them."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from services.gateway.domain.request_head import RequestHead
from shared.errors import DomainError

Header = tuple[bytes, bytes]


class AnswerCut(Exception):
    """The answer must end here, visibly unfinished: what was sent stays, its clean end never comes."""


class CallerLeft(Exception):
    """The caller went away before the whole request had come."""


class Presence:
    """Whether the caller is still there, and how long it has kept the answer waiting. Whoever waits for an upstream
    asks to be told at once when it leaves. Times are the loop's, in seconds."""

    __slots__ = ("_blocked_since", "_blocked_so_far", "_tell", "has_left")

    def __init__(self) -> None:
        self.has_left = False
        self._tell: Callable[[], None] | None = None
        self._blocked_so_far = 0.0
        self._blocked_since: float | None = None

    def blocks(self, now: float) -> None:
        """From here on the caller takes nothing of what is written."""
        self._blocked_since = now

    def takes_on(self, now: float) -> None:
        """It took what was written."""
        if self._blocked_since is not None:
            self._blocked_so_far += now - self._blocked_since
            self._blocked_since = None

    def kept_waiting(self, now: float) -> float:
        """For how long it blocked, in all."""
        return self._blocked_so_far + (0.0 if self._blocked_since is None else now - self._blocked_since)

    def leave(self) -> None:
        """The caller went away. Saying it twice is harmless."""
        self.has_left = True
        if self._tell is not None:
            self._tell()

    def when_leaving(self, tell: Callable[[], None] | None) -> None:
        """Call `tell` when the caller leaves; None: nobody waits any more."""
        self._tell = tell


@dataclass(slots=True, eq=False)
class PaidRequest:
    """`headers` are the head's, with this request's own length, names in lower case.

    `body` is bytes where all of it came with the head or right after it (b"" where there is none), else its pieces,
    to be read once. Nobody changes a request: it is not frozen because freezing costs a microsecond a call.
    """

    request_id: str
    head: RequestHead
    headers: Sequence[Header]
    peer: str | None
    body: bytes | AsyncIterator[bytes] = field(repr=False)
    presence: Presence


@dataclass(slots=True, eq=False)
class PaidAnswer:
    """An answer's head and body: bytes where it is whole (one write, nothing left to be done after it), else its
    pieces. Read those to their end, or close them; they raise AnswerCut."""

    status: int
    headers: list[Header]
    body: bytes | AsyncGenerator[bytes] = field(repr=False)


def request_timeout() -> DomainError:
    """The caller is there and sends no further."""
    return DomainError("request_timeout", "The request's body came too slowly.", headers={"Connection": "close"})
