"""Forms with bracketed names (`expand[0]=charge`) as the JSON that they stand for."""

import re
from typing import Any
from urllib.parse import parse_qsl

from tests.support.stripe_contract.annotations import Schema
from tests.support.stripe_contract.check import Checker

_WHOLE = re.compile(r"-?\d+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def nested(text: str) -> dict[str, Any]:
    """Dicts of text, lists among them as dicts whose names are numbers; `a[]` counts up."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        first, *rest = re.findall(r"[^\[\]]+|\[\]", name) or [name]
        place = root
        for part, following in zip([first, *rest], rest, strict=False):
            place = place.setdefault(_counted(part, place), {})
            if not isinstance(place, dict):
                return {**root, name: value, following: value}
        last = [first, *rest][-1]
        place[_counted(last, place)] = value
    return root


def _counted(part: str, place: dict[str, Any]) -> str:
    return str(len(place)) if part == "[]" else part


def typed(raw: Any, schema: Schema, checker: Checker) -> Any:
    """Text as the type that the schema wants; as it is where it can't be that."""
    schema = checker.description.resolve(schema)
    if "anyOf" in schema:
        return _as_one_of(raw, schema["anyOf"], checker)
    kind = schema.get("type")
    if isinstance(raw, dict):
        if kind == "array" and all(name.isdigit() for name in raw):
            return [typed(raw[name], schema["items"], checker) for name in sorted(raw, key=int)]
        return {name: typed(value, _property(schema, name), checker) for name, value in raw.items()}
    if "enum" in schema:
        return next((word for word in schema["enum"] if str(word).lower() == raw), raw)
    return _scalar(raw, kind)


def _as_one_of(raw: Any, options: list[Schema], checker: Checker) -> Any:
    read = [(typed(raw, option, checker), option) for option in options]
    fitting = (value for value, option in read if not checker.complaints(value, option))
    return next(fitting, read[-1][0])


def _property(schema: Schema, name: str) -> Schema:
    others = schema.get("additionalProperties")
    found: Schema = schema.get("properties", {}).get(name, others if isinstance(others, dict) else {})
    return found


def _scalar(raw: str, kind: str | None) -> Any:
    if kind == "integer" and _WHOLE.fullmatch(raw):
        return int(raw)
    if kind == "number" and _NUMBER.fullmatch(raw):
        return float(raw)
    if kind == "boolean" and raw in ("true", "false"):
        return raw == "true"
    return raw
