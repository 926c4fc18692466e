"""Stripe's requests are forms with bracketed names: `line_items[0][price_data][currency]=usd`.

`decode` makes nested dicts of them. A list is a dict whose names are numbers here; only the parameter's
own shape (`params.py`) knows whether `metadata[0]` is a list's element or a name.
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from deploy.stripe_sandbox.domain.errors import StripeError

MAX_FIELDS = 1000
MAX_DEPTH = 8
_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode_text(text: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError as broken:
        raise StripeError(f"More than {MAX_FIELDS} parameters.") from broken
    return decode(pairs)


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nested dicts of text; `a[]` counts up from 0; a name given twice keeps the last value."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        *parents, last = _path(name)
        place = root
        for part in parents:
            place = _inside(place, part, name)
        if isinstance(place.get(last), dict):
            raise StripeError(f"Invalid parameter name: {name}", param=name)
        place[_or_next(last, place)] = value
    return root


def _path(name: str) -> list[str]:
    found = _NAME.match(name)
    parts = [found[1], *_PART.findall(found[2])] if found else []
    if not 0 < len(parts) <= MAX_DEPTH:
        raise StripeError(f"Invalid parameter name: {name[:200]}", param=name[:200])
    return parts


def _inside(place: dict[str, Any], part: str, name: str) -> dict[str, Any]:
    child = place.setdefault(_or_next(part, place), {})
    if not isinstance(child, dict):
        raise StripeError(f"Invalid parameter name: {name}", param=name)
    return child


def _or_next(part: str, place: dict[str, Any]) -> str:
    return part if part else str(len(place))
