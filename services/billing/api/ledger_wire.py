"""Postings and outcomes read from their wire form, and verdicts written to it, without a model in between.

What is read here is exactly what the contract allows, in its plainest form. Whatever is not raises Doubtful, which
refuses nothing: the models of `ledger_postings` judge such a body anew, and say what is wrong with it or take it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import orjson

from services.billing.domain.ledger.items import (
    Call,
    Capture,
    Charge,
    Hold,
    Item,
    Outcome,
    Progress,
    Release,
    Result,
    Reverse,
)
from services.billing.domain.ledger.usage import Ending
from shared.contracts import ledger as contract
from shared.ids import uuid_from
from shared.money import MAX_MILLICREDITS

LONGEST_HOLD_MS = 24 * 60 * 60 * 1_000
MAX_INTEGER = 2**31 - 1
_LONGEST_ACCOUNT = 64
_LONGEST_NAME = 200
_OUTCOMES = frozenset({"delivered", "upstream_failed", "disconnected", "unknown"})
_CALL_MEMBERS = 7
_UNITS_MEMBERS = 3
_ENDING_MEMBERS = 4

Wire = dict[str, Any]


class Doubtful(Exception):
    """Not plainly what the contract allows."""


def read_postings(body: bytes) -> tuple[list[Item], int | None]:
    """The items, and in how many milliseconds they must have been begun. Raises Doubtful."""
    try:
        whole = _whole(body)
        within_ms = whole.pop("deadline_ms", None)
        if within_ms is not None:
            _integer(within_ms, 1, MAX_INTEGER)
        wires = whole.pop("items")
        members = 1 + (within_ms is not None)
        items = []
        for wire in _listed(wires, whole):
            read, count = _READERS[wire["op"]]
            _check(len(wire) == count)
            members += count
            items.append(read(wire))
            if "usage" in wire:
                members += _CALL_MEMBERS + _UNITS_MEMBERS
        _check(bool(items) and body.count(b'":') == members)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Doubtful from error
    return items, within_ms


def read_endings(body: bytes) -> list[Ending]:
    """How calls ended. Raises Doubtful."""
    try:
        whole = _whole(body)
        wires = whole.pop("items")
        endings = [_ending(wire) for wire in _listed(wires, whole)]
        _check(body.count(b'":') == 1 + _ENDING_MEMBERS * len(endings))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Doubtful from error
    return endings


def written(results: Sequence[Result]) -> bytes:
    """The verdicts' wire form."""
    return orjson.dumps({"results": [view(result) for result in results]})


def view(result: Result) -> contract.Result:
    shown = contract.Result(
        verdict=result.verdict.value,
        charged=result.charged,
        held=result.held,
        available=result.available,
        balance=result.balance,
    )
    if result.reason is not None:
        shown["reason"] = result.reason
    return shown


def _whole(body: bytes) -> Wire:
    """NUL and half a surrogate pair could only stand as escapes: a body that has any is looked at closely elsewhere.
    A doubled name shows by the count of names, which each reader takes."""
    _check(b"\\u" not in body)
    whole = orjson.loads(body)
    _check(type(whole) is dict)
    return cast(Wire, whole)


def _listed(wires: Any, rest: Wire) -> list[Wire]:
    _check(type(wires) is list and len(wires) <= contract.MAX_ITEMS and not rest)
    return cast(list[Wire], wires)


def _charge(wire: Wire) -> Item:
    return Charge(_id(wire["id"]), _account(wire), _amount(wire["amount"]), _call(wire["usage"]))


def _reverse(wire: Wire) -> Item:
    return Reverse(_id(wire["id"]), _id(wire["charge_id"]), _account(wire), _outcome(wire["outcome"]))


def _hold(wire: Wire) -> Item:
    lasts = _integer(wire["expires_in_ms"], 1, LONGEST_HOLD_MS)
    amount, at_least = _amount(wire["amount"]), _amount(wire["at_least"])
    return Hold(_id(wire["id"]), _account(wire), amount, at_least, lasts, _call(wire["usage"]))


def _capture(wire: Wire) -> Item:
    hold_id, amount = _id(wire["hold_id"]), _amount(wire["amount"])
    return Capture(_id(wire["id"]), hold_id, _account(wire), amount, _call(wire["usage"]))


def _release(wire: Wire) -> Item:
    return Release(_id(wire["hold_id"]), _account(wire), _outcome(wire["outcome"]))


def _progress(wire: Wire) -> Item:
    return Progress(_id(wire["hold_id"]), _account(wire), _amount(wire["amount"]), _call(wire["usage"]))


_READERS: Mapping[str, tuple[Callable[[Wire], Item], int]] = {
    "charge": (_charge, 5),
    "reverse": (_reverse, 5),
    "hold": (_hold, 7),
    "capture": (_capture, 6),
    "release": (_release, 4),
    "progress": (_progress, 5),
}
"""How each is read, and how many members it has."""


def _call(wire: Wire) -> Call:
    """In one condition: half of what reading a charge costs is here."""
    units, route, key_id, price_version = wire["units"], wire["route"], wire["key_id"], wire["price_version"]
    calls, tokens, metered, flagged = units["calls"], units["tokens"], units["units"], wire["flagged"]
    _check(
        len(wire) == _CALL_MEMBERS
        and len(units) == _UNITS_MEMBERS
        and type(route) is type(key_id) is str
        and len(route) <= _LONGEST_NAME
        and len(key_id) <= _LONGEST_NAME
        and type(price_version) is type(calls) is type(tokens) is type(metered) is int
        and 0 <= price_version <= MAX_INTEGER
        and 0 <= calls <= MAX_MILLICREDITS
        and 0 <= tokens <= MAX_MILLICREDITS
        and 0 <= metered <= MAX_MILLICREDITS
        and type(flagged) is bool
    )
    request_id, outcome = _id(wire["request_id"]), _outcome(wire["outcome"])
    return Call(request_id, route, key_id, price_version, calls, tokens, metered, outcome, flagged)


def _ending(wire: Wire) -> Ending:
    _check(len(wire) == _ENDING_MEMBERS)
    latency_ms = _integer(wire["latency_ms"], 0, MAX_INTEGER)
    return Ending(_account(wire), _id(wire["request_id"]), _outcome(wire["outcome"]), latency_ms)


def _id(text: str) -> UUID:
    """With its dashes in their places: what is left is 32 hexadecimal digits, or no id."""
    _check(len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-")
    return uuid_from(text)


def _account(wire: Wire) -> str:
    text = wire["account_id"]
    _check(type(text) is str and 0 < len(text) <= _LONGEST_ACCOUNT)
    return cast(str, text)


def _amount(value: Any) -> int:
    return _integer(value, 0, MAX_MILLICREDITS)


def _integer(value: Any, least: int, most: int) -> int:
    _check(type(value) is int and least <= value <= most)
    return cast(int, value)


def _outcome(text: Any) -> Outcome:
    _check(text in _OUTCOMES)
    return cast(Outcome, text)


def _check(is_plain: bool) -> None:
    if not is_plain:
        raise Doubtful
