"""Requests, answers and webhooks against the description; each check says what is wrong, line by line."""

import json
from functools import cache
from typing import Any

from tests.support.stripe_contract.annotations import Schema
from tests.support.stripe_contract.check import Checker
from tests.support.stripe_contract.description import Description
from tests.support.stripe_contract.forms import nested, typed

_OF_ANY_VERSION = ("id", "object", "api_version", "created", "livemode", "type")
_ANY_EVENT: Schema = {
    "type": "object",
    "properties": {
        "object": {"enum": ["event"]},
        "created": {"type": "integer"},
        "livemode": {"type": "boolean"},
        **{name: {"type": "string"} for name in ("id", "api_version", "type")},
    },
}
ERROR_TYPES = ["api_error", "card_error", "idempotency_error", "invalid_request_error"]


class Contract:
    def __init__(self, description: Description) -> None:
        self.description = description
        self._checker = Checker(description)

    def request(self, method: str, path: str, fields: str) -> list[str]:
        """`fields` are the query of a GET or DELETE, the form of a POST, as they are sent."""
        operation = self.description.operation(method, path)
        if operation is None:
            return [f"{method} {path}: no operation of Stripe's"]
        takes = self.description.takes(operation)
        return _said(f"{method} {path}", self._checker.complaints(typed(nested(fields), takes, self._checker), takes))

    def answer(self, method: str, path: str, status: int, body: bytes) -> list[str]:
        """An error's shape is the same everywhere; an operation's answer is its own."""
        what = f"{status} to {method} {path}"
        try:
            value = json.loads(body)
        except ValueError:
            return [f"{what}: no JSON"]
        if status >= 400:
            return _said(what, self._checker.complaints(value, self._error))
        operation = self.description.operation(method, path)
        answers = self.description.answers(operation) if operation else None
        if answers is None:
            return [f"{what}: no JSON is answered there"]
        return _said(what, self._checker.complaints(value, answers))

    def event(self, body: bytes) -> list[str]:
        """A webhook's body: the event and the object in it. One rendered for another API version is shaped otherwise,
        and only asked what it is."""
        value = json.loads(body)
        what = f"webhook {value.get('type')}"
        if value.get("api_version") == self.description.version:
            told = self._checker.named_object(value)
            return _said(what, told + self._unknown_before(value.get("data", {})))
        told = self._checker.complaints({name: value.get(name) for name in _OF_ANY_VERSION}, _ANY_EVENT)
        return _said(what, told)

    def object(self, value: Any) -> list[str]:
        """An object by its own `object`."""
        return _said(str(value.get("object")), self._checker.named_object(value))

    def fields_of(self, kind: str) -> set[str]:
        """All that an object of that kind may have."""
        schema = self.description.object(kind)
        return set(self.description.resolve(schema)["properties"]) if schema else set()

    @property
    def _error(self) -> Schema:
        shape = self.description.resolve(self.description.class_named("stripe._error_object", "ErrorObject"))
        properties = {**shape["properties"], "type": {"enum": ERROR_TYPES}, "message": {"type": "string"}}
        error = {**shape, "properties": properties, "required": ["type", "message"]}
        return {"type": "object", "properties": {"error": error}, "required": ["error"], "additionalProperties": False}

    def _unknown_before(self, data: dict[str, Any]) -> list[str]:
        """What changed must be fields that the object has."""
        known = self.fields_of(str(data.get("object", {}).get("object")))
        before = data.get("previous_attributes") or {}
        return [f"data.previous_attributes.{name}: unknown" for name in before if name not in known]


def _said(what: str, told: list[str]) -> list[str]:
    return [f"{what}: {complaint.removeprefix(': ')}" for complaint in told]


@cache
def the_contract() -> Contract:
    """That of the installed SDK; its parts are read once in a process."""
    return Contract(Description())
