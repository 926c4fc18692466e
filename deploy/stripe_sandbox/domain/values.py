"""The few types that every room uses."""

from typing import Any

# Stripe's objects are open JSON; their builders in this room are the only places that know the fields.
Json = dict[str, Any]

API_VERSION = "2026-10-28.endive"


def names(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())
