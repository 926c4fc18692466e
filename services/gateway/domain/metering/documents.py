"""Usage of an answer that came as one JSON document."""

import json
from typing import Any

from services.gateway.domain.metering.usage import Fault, tokens_of

_MOST_REPORTS = 16


def tokens_in_document(body: bytes) -> tuple[int | None, Fault | None]:
    """Tokens that a decoded answer's body reports, and whether they are to be flagged.

    A name said twice in one object counts as two reports: the larger, flagged.
    """
    reports: list[object] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = [value for name, value in pairs if name == "usage"]
        document = dict(pairs)
        if found:
            document["usage"] = _Reports(found[:_MOST_REPORTS])
        return document

    try:
        document = json.loads(body, object_pairs_hook=keep)
    except (ValueError, RecursionError):
        return None, "missing"
    if isinstance(document, dict):
        reports = _reports_of(document)
    return larger_of(reports)


class _Reports(list[object]):
    """All values that one object gave for `usage`."""


def _reports_of(document: dict[str, Any]) -> list[object]:
    """At the top, or inside the `response` that OpenAI's responses API wraps."""
    for holder in (document, document.get("response"), document.get("message")):
        if isinstance(holder, dict) and isinstance(holder.get("usage"), _Reports):
            return list(holder["usage"])
    return []


def larger_of(reports: list[object]) -> tuple[int | None, Fault | None]:
    """The largest of several reports; flagged where there is none, or they differ, or one makes no sense."""
    read = [tokens_of(report) for report in reports if report is not None]
    sensible = [tokens for tokens, _ in read if tokens is not None]
    fault = next((fault for _, fault in read if fault is not None), None)
    if not sensible:
        return None, fault or "missing"
    if fault is None and (len(read) > len(sensible) or len(set(sensible)) > 1):
        fault = "doubled"
    return max(sensible), fault
