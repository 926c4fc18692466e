"""The shapes of parameters: text of a form in, typed values out, or Stripe's refusal.

A `Shape` names every parameter that an operation takes; any other is `parameter_unknown`. Parameters of
Stripe's that the sandbox does not act upon are named in `unbuilt` and refused in plain words: silence
would let code pass here that does something else at Stripe.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from deploy.stripe_sandbox.domain.errors import StripeError

_INTEGER = re.compile(r"^[+-]?[0-9]{1,18}$")
_DECIMAL = re.compile(r"^[0-9]{1,12}(\.[0-9]{1,12})?$")
MAX_METADATA = 50
MAX_METADATA_NAME = 40
MAX_METADATA_VALUE = 500


class Param(Protocol):
    def read(self, raw: Any, name: str) -> Any:
        """The value of the raw text or dict found at `name`; raises StripeError."""
        ...


@dataclass(frozen=True)
class Text:
    """Text; `blank` says that an empty one is allowed and unsets the field (None)."""

    longest: int = 5000
    blank: bool = False

    def read(self, raw: Any, name: str) -> str | None:
        text = _text(raw, name, "string")
        if len(text) > self.longest:
            raise StripeError(
                f"Invalid string: {text[:30]}...; must be at most {self.longest} characters",
                code="parameter_invalid_string",
                param=name,
            )
        if text == "" and not self.blank:
            raise _empty(name)
        return text or None


@dataclass(frozen=True)
class Whole:
    """An integer between two bounds."""

    least: int = -(10**12)
    most: int = 10**12

    def read(self, raw: Any, name: str) -> int:
        text = _text(raw, name, "integer")
        if text == "":
            raise _empty(name)
        if not _INTEGER.match(text):
            raise StripeError(f"Invalid integer: {text[:100]}", code="parameter_invalid_integer", param=name)
        number = int(text)
        if number < self.least:
            raise StripeError(
                f"This value must be greater than or equal to {self.least}.",
                code="parameter_invalid_integer",
                param=name,
            )
        if number > self.most:
            raise StripeError(
                f"This value must be less than or equal to {self.most}.",
                code="parameter_invalid_integer",
                param=name,
            )
        return number


@dataclass(frozen=True)
class Flag:
    def read(self, raw: Any, name: str) -> bool:
        text = _text(raw, name, "boolean").lower()
        if text not in ("true", "false"):
            raise StripeError(f"Invalid boolean: {text[:100]}", param=name)
        return text == "true"


@dataclass(frozen=True)
class DecimalText:
    """A decimal as text (`unit_amount_decimal`), kept as text: no float touches money."""

    def read(self, raw: Any, name: str) -> str:
        text = _text(raw, name, "decimal")
        if not _DECIMAL.match(text):
            raise StripeError(f"Invalid decimal: {text[:100]}", param=name)
        return text


@dataclass(frozen=True)
class Choice:
    options: tuple[str, ...]

    def read(self, raw: Any, name: str) -> str:
        text = _text(raw, name, "string")
        if text not in self.options:
            raise StripeError(f"Invalid {name}: must be one of {_listed(self.options)}", param=name)
        return text


@dataclass(frozen=True)
class Labels:
    """Metadata: names and values of text. An empty value, or an empty whole, takes away (see `merged`)."""

    def read(self, raw: Any, name: str) -> dict[str, str]:
        if raw == "":
            return {"": ""}
        labels = _mapping(raw, name)
        for label, value in labels.items():
            if not isinstance(value, str):
                raise StripeError(
                    f"Metadata values must be strings, but for key `{label}` you passed in a value of type `hash`",
                    param=f"{name}[{label}]",
                )
            if len(label) > MAX_METADATA_NAME or len(value) > MAX_METADATA_VALUE:
                raise StripeError(
                    f"Metadata keys can be up to {MAX_METADATA_NAME} characters and values up to "
                    f"{MAX_METADATA_VALUE}; `{label[:60]}` is longer.",
                    param=name,
                )
        return dict(labels)


@dataclass(frozen=True)
class Many:
    """A list; `most` bounds it."""

    of: Param
    most: int = 100

    def read(self, raw: Any, name: str) -> list[Any]:
        if raw == "":
            return []
        elements = _mapping(raw, name, expected="array")
        if not all(index.isdigit() for index in elements):
            raise StripeError("Invalid array", param=name)
        if len(elements) > self.most:
            raise StripeError(f"Array too long: {len(elements)} elements, at most {self.most}.", param=name)
        ordered = sorted(elements.items(), key=lambda element: int(element[0]))
        return [self.of.read(value, f"{name}[{index}]") for index, value in ordered]


@dataclass(frozen=True)
class Either:
    """A number, or a range of them: `created=5` or `created[gte]=5`."""

    one: Param
    group: "Shape"

    def read(self, raw: Any, name: str) -> Any:
        return self.group.read(raw, name) if isinstance(raw, dict) else self.one.read(raw, name)


@dataclass(frozen=True)
class Shape:
    """A group of named parameters; also a whole request's."""

    fields: Mapping[str, Param]
    required: frozenset[str] = frozenset()
    unbuilt: frozenset[str] = field(default_factory=frozenset)

    def read(self, raw: Any, name: str = "") -> dict[str, Any]:
        given = _mapping(raw, name, expected="object") if raw != "" else {}
        unknown = [_under(name, key) for key in given if key not in self.fields and key not in self.unbuilt]
        if unknown:
            raise unknown_parameters(unknown)
        for key in given:
            if key in self.unbuilt:
                raise StripeError(f"The sandbox does not carry out `{key}`.", param=_under(name, key))
        for key in sorted(self.required):
            if key not in given:
                wanted = _under(name, key)
                raise StripeError(f"Missing required param: {wanted}.", code="parameter_missing", param=wanted)
        return {key: self.fields[key].read(value, _under(name, key)) for key, value in given.items()}


def shape(required: Iterable[str] = (), unbuilt: Iterable[str] = (), **fields: Param) -> Shape:
    return Shape(fields=fields, required=frozenset(required), unbuilt=frozenset(unbuilt))


def choice(*options: str) -> Choice:
    return Choice(options)


def unknown_parameters(names: list[str]) -> StripeError:
    plural = "s" if len(names) > 1 else ""
    return StripeError(
        f"Received unknown parameter{plural}: {', '.join(names)}", code="parameter_unknown", param=names[0]
    )


def merged(before: Mapping[str, str], change: Mapping[str, str] | None) -> dict[str, str]:
    """Metadata after an update: names are added, an empty value removes one, an empty whole removes all."""
    if change is None:
        return dict(before)
    if change == {"": ""}:
        return {}
    after = {**before, **change}
    kept = {label: value for label, value in after.items() if value != ""}
    if len(kept) > MAX_METADATA:
        raise StripeError(f"You can have at most {MAX_METADATA} metadata keys.", param="metadata")
    return kept


def _under(parent: str, key: str) -> str:
    return f"{parent}[{key}]" if parent else key


def _text(raw: Any, name: str, expected: str) -> str:
    if not isinstance(raw, str):
        raise StripeError(f"Invalid {expected}: a hash was given", param=name)
    return raw


def _mapping(raw: Any, name: str, *, expected: str = "object") -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise StripeError(f"Invalid {expected}", param=name or None)
    return raw


def _empty(name: str) -> StripeError:
    return StripeError(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to "
        f"unset a parameter; "
        f"however '{name}' cannot be unset. You should remove '{name}' from your request or "
        f"supply a non-empty "
        "value.",
        code="parameter_invalid_empty",
        param=name,
    )


def _listed(options: tuple[str, ...]) -> str:
    if len(options) == 1:
        return options[0]
    return ", ".join(options[:-1]) + f", or {options[-1]}" if len(options) > 2 else " or ".join(options)
