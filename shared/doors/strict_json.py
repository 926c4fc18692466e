"""JSON as RFC 8259 and our contract have it: no NaN, no doubled names, no lone surrogates or NULs, numbers exact."""

import json
from decimal import Decimal

from shared.errors import DomainError, Invalid

_LONGEST_INTEGER = 40
"""Digits of an integer that are still read as one; longer ones stay decimals, which no integer field takes."""


def _malformed(detail: str) -> DomainError:
    return DomainError("malformed_json", detail)


def _no_constant(name: str) -> object:
    raise _malformed(f"{name} is not JSON.")


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else Decimal(digits)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Invalid("", "a name stands twice in one object")
    return result


_DECODER = json.JSONDecoder(
    parse_constant=_no_constant, parse_int=_integer, parse_float=Decimal, object_pairs_hook=_object
)


def decode(body: bytes) -> object:
    """The value of a body. DomainError `malformed_json` (400) where it is no JSON, `validation_failed` (422) where it
    is JSON that can't be meant: a doubled name, a NUL or half a surrogate pair in a string."""
    if not body:
        raise _malformed("The body is empty; a JSON object is needed.")
    try:
        text = body.decode("utf-8")
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise _malformed("The body is not UTF-8.") from error
    except RecursionError as error:
        raise _malformed("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at line {error.lineno}, column {error.colno}.") from error
    except ArithmeticError as error:
        raise _malformed("The body holds a number that can't be read.") from error
    _check_strings(value)
    return value


def _check_strings(root: object) -> None:
    waiting: list[tuple[str, object]] = [("", root)]
    while waiting:
        pointer, value = waiting.pop()
        if isinstance(value, str):
            _check_string(pointer, value)
        elif isinstance(value, dict):
            for name, member in value.items():
                _check_string(pointer, name)
                waiting.append((f"{pointer}/{name}", member))
        elif isinstance(value, list):
            waiting.extend((f"{pointer}/{index}", member) for index, member in enumerate(value))


def _check_string(pointer: str, value: str) -> None:
    if "\x00" in value:
        raise Invalid(pointer, "holds a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Invalid(pointer.encode("utf-8", "replace").decode(), "holds half a surrogate pair")
