"""What a service tells the gateway of its audit trail: GET /internal/v1/audit?limit=&after=."""

from typing import Any, TypedDict

PATH = "/internal/v1/audit"


class Line(TypedDict):
    """As `shared.audit.Entry`, its instant in RFC 3339."""

    id: str
    created_at: str
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    request_id: str | None


class Lines(TypedDict):
    """Up to `limit` lines before the id `after`, newest first, whether it names one of theirs (`knows_after`) or
    not."""

    data: list[Line]
    knows_after: bool
