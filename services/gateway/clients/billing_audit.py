"""Billing's own audit trail: who did what with credits and money."""

from shared.contracts.audit import PATH, Lines
from shared.errors import DomainError
from shared.http_client import ServiceClient, SiblingUnavailable

_OK = 200
_AWAY = DomainError(
    "billing_unavailable",
    "Billing does not answer; `service=gateway` lists what it has no part in.",
    headers={"Retry-After": "1"},
)


async def read_lines(billing: ServiceClient, *, after: str | None, limit: int) -> Lines:
    """`GET /internal/v1/audit`; DomainError `billing_unavailable` without an answer. `after` must be an id's text."""
    cursor = f"&after={after}" if after is not None else ""
    try:
        answer = await billing.get(f"{PATH}?limit={limit}{cursor}")
    except SiblingUnavailable as error:
        raise _AWAY from error
    if answer.status_code != _OK:
        raise _AWAY
    found: Lines = answer.json()
    return found
