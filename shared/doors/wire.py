"""Wire models and the types of their fields: strict, bounded, no unknown field."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shared.money import MILLICREDITS_PER_CREDIT, MINOR_UNIT_DIGITS, Credits, Money, millicredits_from

MAX_MINOR = 10**12
_COUNTRY = re.compile(r"[A-Z]{2}")


class Wire(BaseModel):
    """A body of the public or internal API."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A default in credits is told as the number that it is on the wire."""
        told = handler(schema)
        properties = handler.resolve_ref_schema(told).get("properties", {})
        for name, field in cls.model_fields.items():
            if isinstance(field.default, Credits):
                properties[field.alias or name]["default"] = _json_number(field.default)
        return told


class Change(Wire):
    """A body of PATCH: what is left out stays as it is. Its fields have defaults only for the type's sake; they are
    never told, lest a client fill them in."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        told = super().__get_pydantic_json_schema__(schema, handler)
        for each in handler.resolve_ref_schema(told).get("properties", {}).values():
            each.pop("default", None)
        return told


def _json_number(credits: Credits) -> int:
    whole, fraction = divmod(credits.millicredits, MILLICREDITS_PER_CREDIT)
    assert not fraction, "a default is whole credits"
    return whole


def _number(value: object) -> int | Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")
    return value


def _credits(value: object) -> Credits:
    return value if isinstance(value, Credits) else Credits(millicredits_from(_number(value)))


def _whole_credits(value: object) -> Credits:
    amount = _credits(value)
    if amount.millicredits % MILLICREDITS_PER_CREDIT:
        raise ValueError("must be a whole number of credits")
    return amount


class _CreditsSchema:
    def __init__(self, *, whole: bool) -> None:
        self._whole = whole

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_whole_credits if self._whole else _credits)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if self._whole:
            return {"type": "integer", "description": "Whole credits; 1,000 are a dollar."}
        return {"type": "number", "multipleOf": 0.001, "description": "Credits with at most 3 decimals."}


CreditsField = Annotated[Credits, _CreditsSchema(whole=False)]
WholeCreditsField = Annotated[Credits, _CreditsSchema(whole=True)]


class MoneyWire(Wire):
    """Money as the API says it: an integer of the minor unit, and a currency in lower case."""

    amount: Annotated[int, Field(ge=-MAX_MINOR, le=MAX_MINOR)]
    currency: str

    def money(self) -> Money:
        return Money(self.amount, self.currency)


def _known_currency(value: MoneyWire) -> MoneyWire:
    if value.currency not in MINOR_UNIT_DIGITS:
        raise ValueError(f"currency must be one of {', '.join(sorted(MINOR_UNIT_DIGITS))}")
    return value


MoneyField = Annotated[MoneyWire, AfterValidator(_known_currency)]


class _MoneySchema:
    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(MoneyWire)


class _OneOf:
    def __init__(self, values: Iterable[str]) -> None:
        self._values = [str(value) for value in values]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(self._values)


MoneyView = Annotated[Money, _MoneySchema()]
"""Money in an answer's description."""


def one_of(values: Iterable[str]) -> object:
    """For `Annotated[str, one_of(...)]`, in an answer's description: the values that there are."""
    return _OneOf(values)


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("must have a time zone, as in 2027-01-31T12:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range") from error


def _rfc3339(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("must be an RFC 3339 time, as 2027-01-31T12:00:00Z")
    return value


class _RequireText:
    """Pydantic would take a number as unix time."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_rfc3339, handler(source))


InstantField = Annotated[datetime, Field(strict=False), _RequireText(), AfterValidator(_aware)]


def _trimmed(value: str) -> str:
    trimmed = value.strip()
    if not trimmed:
        raise ValueError("must not be blank")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in trimmed):
        raise ValueError("must not hold control characters")
    return trimmed


Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_trimmed)]
"""A line of text that a person writes: 1 to 200 characters, no control characters."""


def _country(value: str) -> str:
    if not _COUNTRY.fullmatch(value):
        raise ValueError("must be an ISO 3166-1 alpha-2 code, as DE")
    return value


CountryField = Annotated[str, AfterValidator(_country)]
