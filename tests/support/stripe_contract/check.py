"""Holds a JSON value to a schema of the description."""

import re
from collections.abc import Callable
from typing import Any

from tests.support.stripe_contract.annotations import Schema
from tests.support.stripe_contract.description import Description

_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
_WHEN_DELETED = {"id", "object", "deleted"}

_IS: dict[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}


class Checker:
    def __init__(self, description: Description) -> None:
        self.description = description

    def complaints(self, value: Any, schema: Schema, at: str = "") -> list[str]:
        """What is wrong with the value, each with the place where; none where all is right."""
        schema = self.description.resolve(schema)
        if "anyOf" in schema:
            return self._none_of(value, schema["anyOf"], at)
        if "enum" in schema:
            return [] if value in schema["enum"] else [f"{at}: {value!r} is none of {_shortened(schema['enum'])}"]
        kind = schema.get("type")
        if kind is None:
            return []
        if not _IS[kind](value):
            return [f"{at}: {_shortened(value)} is no {kind}"]
        return self._inside(value, schema, at)

    def _inside(self, value: Any, schema: Schema, at: str) -> list[str]:
        if isinstance(value, dict):
            return self._of_object(value, schema, at)
        if isinstance(value, list):
            items = schema["items"]
            return [told for index, item in enumerate(value) for told in self.complaints(item, items, f"{at}[{index}]")]
        if schema.get("format") == "decimal" and not _DECIMAL.fullmatch(value):
            return [f"{at}: {value!r} is no decimal"]
        return []

    def _none_of(self, value: Any, options: list[Schema], at: str) -> list[str]:
        """Nothing if one of them fits; else what is wrong by the likeliest."""
        told = []
        for option in options:
            found = self.complaints(value, option, at)
            if not found:
                return []
            told.append((not self._alike(value, option), len(found), found))
        return min(told, key=lambda each: each[:2])[2]

    def _alike(self, value: Any, option: Schema) -> bool:
        option = self.description.resolve(option)
        if not isinstance(value, dict):
            return "enum" in option or _IS[option.get("type", "null")](value)
        named = option.get("properties", {}).get("object", {})
        return option.get("type") == "object" and value.get("object") in named.get("enum", [value.get("object")])

    def _of_object(self, value: dict[str, Any], schema: Schema, at: str) -> list[str]:
        if schema.get("x-by-object-name"):
            return self.named_object(value, at)
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        told = [f"{_under(at, name)}: missing" for name in _always(value, schema) if name not in value]
        for name, inner in value.items():
            if name in known:
                told += self.complaints(inner, known[name], _under(at, name))
            elif isinstance(others, dict):
                told += self.complaints(inner, others, _under(at, name))
            elif not others:
                told.append(f"{_under(at, name)}: unknown")
        return told

    def named_object(self, value: dict[str, Any], at: str = "") -> list[str]:
        """The same of an object that says itself what it is."""
        schema = self.description.object(str(value.get("object")))
        if schema is None:
            return [f"{_under(at, 'object')}: {value.get('object')!r} is no object of Stripe's"]
        return self.complaints(value, schema, at)


def _always(value: dict[str, Any], schema: Schema) -> list[str]:
    required: list[str] = schema.get("required", [])
    if value.get("deleted") is True and "deleted" in schema.get("properties", {}):
        return [name for name in required if name in _WHEN_DELETED]
    return required


def _under(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
