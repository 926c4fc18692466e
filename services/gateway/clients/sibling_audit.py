"""A sibling's own audit trail: who did what with what it owns."""

from shared.contracts.audit import PATH, Lines
from shared.errors import DomainError
from shared.http_client import ServiceClient, SiblingUnavailable

_OK = 200


async def read_lines(client: ServiceClient, *, after: str | None, limit: int, away: DomainError) -> Lines:
    """`GET /internal/v1/audit`; raises `away` without an answer. `after` must be an id's text."""
    cursor = f"&after={after}" if after is not None else ""
    try:
        answer = await client.get(f"{PATH}?limit={limit}{cursor}")
    except SiblingUnavailable as error:
        raise away from error
    if answer.status_code != _OK:
        raise away
    found: Lines = answer.json()
    return found
