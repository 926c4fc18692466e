"""What this package raises.

    TollgateError
    +-- Unreachable          no whole answer came: no connection, or the deadline passed
    +-- UnexpectedAnswer     an answer that the platform doesn't give (a proxy's page, say)
    +-- UntrustedAnswer      an answer that bears no signature of a pinned key over our nonce
    +-- Problem              a refusal: a problem document (RFC 9457) with its stable `code`

A license that isn't valid is none of these: that is a verdict, and is returned. No message bears a key or a token.
"""

from collections.abc import Mapping
from typing import Any


class TollgateError(Exception):
    """Everything that this package raises by itself."""


class Unreachable(TollgateError):
    """No whole answer came. Whether the request was carried out is not known."""


class UnexpectedAnswer(TollgateError):
    """An answer that is neither what the operation answers nor a problem document."""


class UntrustedAnswer(TollgateError):
    """An answer about a license whose signature doesn't hold: whoever gave it holds none of the pinned keys."""


class Problem(TollgateError):
    """A refusal. `code` is stable and what a program decides by; `detail` is for people. `document` has the members
    that a code has beside these, such as `available` of `credit_limit_exceeded`."""

    def __init__(self, status: int, document: Mapping[str, Any], *, retry_after_seconds: float | None = None) -> None:
        self.status = status
        self.document = document
        self.code = str(document.get("code") or f"http_{status}")
        self.title = str(document.get("title") or "")
        self.detail = str(document.get("detail") or "")
        self.request_id: str | None = document.get("request_id")
        self.errors: list[dict[str, Any]] = list(document.get("errors") or ())
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{status} {self.code}: {self.detail or self.title}{self._where()}")

    def _where(self) -> str:
        """What the detail leaves unsaid."""
        said = ((str(error.get("pointer", "")), str(error.get("message", ""))) for error in self.errors)
        return "".join(f"; {pointer} {message}" for pointer, message in said if message not in self.detail)

    def __reduce__(self) -> tuple[Any, ...]:
        """So that it may pass from one process to another."""
        return _problem, (self.status, dict(self.document), self.retry_after_seconds)


def _problem(status: int, document: Mapping[str, Any], retry_after_seconds: float | None) -> Problem:
    return Problem(status, document, retry_after_seconds=retry_after_seconds)
