"""Fraud -> billing: the live blacklist as payments are compared with it, by id:
`GET /internal/v1/blacklist?after=&limit=`.

Its events tell what changes; this is for whoever begins to follow them, or has lost some.
"""

from typing import TypedDict

PATH = "/internal/v1/blacklist"
LONGEST_PAGE = 1_000


class LiveEntry(TypedDict):
    """`match` is a digest where the value names a person; `expires_at` is RFC 3339, or null."""

    id: str
    kind: str
    match: str
    expires_at: str | None


class LiveEntries(TypedDict):
    """A page; `next` is the `after` of the next one, null where this is the last."""

    data: list[LiveEntry]
    next: str | None
