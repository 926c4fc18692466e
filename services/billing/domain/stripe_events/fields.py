"""Reading fields of JSON that somebody else shaped: every reader takes anything and answers None where the field is
missing, of another type or out of bounds.

Stripe names a linked object by its id or, where somebody had it expanded, holds the object itself; a list is
`{"object": "list", "data": [...]}`. Instants are whole seconds since 1970.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

Fields = Mapping[str, object]

_ID = re.compile(r"[A-Za-z0-9_.\-]{1,250}")
_OWN_ID = re.compile(r"[a-z0-9]{1,20}_[A-Za-z0-9_]{1,230}")
_CURRENCY = re.compile(r"[a-z]{3}")
_WORD = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
_LARGEST = 2**63 - 1
_LATEST = 253_402_300_799
"""The last second of the year 9999."""


def fields(value: object) -> Fields:
    """The value if it is an object, else one without fields."""
    return value if isinstance(value, dict) else {}


def inside(value: object, *path: str) -> object:
    """What lies at a path of names, or None."""
    for name in path:
        value = fields(value).get(name)
    return value


def items(value: object) -> tuple[Fields, ...]:
    """The objects of a list of Stripe's, or of a bare one; whatever else is in it is left out."""
    held = fields(value).get("data") if isinstance(value, dict) else value
    return tuple(item for item in held if isinstance(item, dict)) if isinstance(held, list) else ()


def id_of(value: object) -> str | None:
    """The id of a linked object, in either form."""
    held = value.get("id") if isinstance(value, dict) else value
    return held if isinstance(held, str) and _ID.fullmatch(held) else None


def path_id(value: object) -> str | None:
    """The id of a linked object, if it is of Stripe's own making (`ch_1AbC`) and so fit for a path of its API; people
    may name some kinds of objects as they like."""
    held = id_of(value)
    return held if held is not None and _OWN_ID.fullmatch(held) else None


def first_id(*values: object) -> str | None:
    """The id of the first of `values` that has one."""
    return next((found for found in map(id_of, values) if found is not None), None)


def word(value: object) -> str | None:
    """A short name, such as a status."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def currency(value: object) -> str | None:
    """A currency's three lowercase letters."""
    return value if isinstance(value, str) and _CURRENCY.fullmatch(value) else None


def whole(value: object) -> int | None:
    """A whole number that PostgreSQL's bigint holds."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST else None


def flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def instant(value: object) -> datetime | None:
    """An aware instant."""
    seconds = whole(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and 0 <= seconds <= _LATEST else None
