"""RFC 9457 problem documents: one table from an error's code to its status and title.

A service registers the codes of its own at import (`register_problem`); a code nobody registered is a mistake of
ours and answers 500.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.errors import DomainError

TYPE_BASE = "urn:tollgate:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """What every problem of one code has in common."""

    status: int
    title: str


_KINDS: dict[str, Kind] = {}

_REFUSALS = "__tollgate_refusals__"
Refusing = TypeVar("Refusing", bound=Callable[..., Any])


def register_problem(code: str, status: int, title: str) -> None:
    """Make `code` known. Saying the same twice is harmless; saying another thing is a mistake."""
    kind = Kind(status, title)
    assert _KINDS.setdefault(code, kind) == kind, f"{code} is registered as {_KINDS[code]}"


def kind_of(code: str) -> Kind:
    """Status and title of a code."""
    return _KINDS.get(code, Kind(500, "Internal error"))


def is_known(code: str) -> bool:
    """Whether a service registered the code."""
    return code in _KINDS


def refuses(*codes: str, **statuses: int) -> Callable[[Refusing], Refusing]:
    """Say, for the API's description, with which codes a guard or an operation may refuse; by name those that have
    another status here than in the table."""

    def mark(function: Refusing) -> Refusing:
        setattr(function, _REFUSALS, {**dict.fromkeys(codes, 0), **statuses})
        return function

    return mark


def refusals_of(function: Callable[..., Any]) -> dict[str, int]:
    """The codes that `refuses` said of it, each with its status, or 0 for the one of the table."""
    said: dict[str, int] = getattr(function, _REFUSALS, {})
    return said


def status_of(error: DomainError) -> int:
    """The status that a refusal is answered with: its own where it names one, else its code's."""
    return error.status or kind_of(error.code).status


def document(
    code: str, detail: str, *, request_id: str, instance: str, extra: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The members of a problem document (RFC 9457, section 3.1), `code` and `request_id` beside them."""
    kind = kind_of(code)
    return {
        "type": f"{TYPE_BASE}{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": request_id,
        **(extra or {}),
    }


for _code, _status, _title in (
    ("malformed_request", 400, "Malformed request"),
    ("malformed_json", 400, "Malformed JSON"),
    ("ambiguous_credentials", 400, "Ambiguous credentials"),
    ("ambiguous_path", 400, "Ambiguous path"),
    ("ambiguous_headers", 400, "Ambiguous headers"),
    ("invalid_idempotency_key", 400, "Invalid idempotency key"),
    ("unauthenticated", 401, "Not signed in"),
    ("insufficient_credits", 402, "Not enough credits"),
    ("account_frozen", 402, "Account frozen"),
    ("forbidden", 403, "Forbidden"),
    ("session_required", 403, "Session required"),
    ("key_not_allowed", 403, "Key not allowed"),
    ("account_suspended", 403, "Account suspended"),
    ("not_found", 404, "Not found"),
    ("method_not_allowed", 405, "Method not allowed"),
    ("request_timeout", 408, "Request too slow"),
    ("idempotency_in_progress", 409, "Still running"),
    ("body_too_large", 413, "Body too large"),
    ("uri_too_long", 414, "Address too long"),
    ("unsupported_media_type", 415, "Unsupported media type"),
    ("misdirected_request", 421, "Misdirected request"),
    ("validation_failed", 422, "Validation failed"),
    ("idempotency_key_reused", 422, "Idempotency key reused"),
    ("invalid_cursor", 422, "Invalid cursor"),
    ("rate_limited", 429, "Too many requests"),
    ("headers_too_large", 431, "Headers too large"),
    ("internal_error", 500, "Internal error"),
    ("service_unavailable", 503, "Service unavailable"),
    ("billing_unavailable", 503, "Billing unavailable"),
    ("overloaded", 503, "Overloaded"),
):
    register_problem(_code, _status, _title)
