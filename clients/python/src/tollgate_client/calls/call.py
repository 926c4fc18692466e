"""What a call is, and what all of them are made of.

POSTs that make something or move money bear an Idempotency-Key, the caller's or a new one, which stays the same when
they are tried again. A parameter that is None is left out.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from tollgate_client.errors import Problem, UnexpectedAnswer
from tollgate_client.exchange import Outgoing, retry_after_seconds

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Call(Generic[T]):
    """`read` makes the result of a 2xx answer; any other is a `Problem`."""

    outgoing: Outgoing
    read: Callable[[httpx.Response], T] = field(repr=False)

    def result(self, answer: httpx.Response) -> T:
        if not answer.is_success:
            raise problem_of(answer)
        return self.read(answer)


@dataclass(frozen=True)
class Listing(Generic[T_co]):
    """A list, got page by page; one without a size comes whole."""

    path: str
    page_size: int | None = None

    def page(self, after: str | None) -> Call[Any]:
        return get(self.path) if self.page_size is None else get(self.path, limit=str(self.page_size), after=after)


def problem_of(answer: httpx.Response) -> Exception:
    """The refusal that an answer is, or `UnexpectedAnswer` where somebody else than the platform gave it."""
    try:
        document = json.loads(answer.content)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "problem+json" not in answer.headers.get("content-type", ""):
        return UnexpectedAnswer(f"{answer.status_code} without a problem document")
    return Problem(answer.status_code, document, retry_after_seconds=retry_after_seconds(answer))


def json_of(answer: httpx.Response) -> Any:
    """The answer's JSON, its fractions as Decimal."""
    try:
        return json.loads(answer.content, parse_float=Decimal)
    except ValueError as error:
        raise UnexpectedAnswer(f"{answer.status_code} without JSON") from error


def sending(
    method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None, *, may_repeat: bool = False
) -> Outgoing:
    """A request with a JSON body, or with none."""
    if body is None:
        return Outgoing(method, path, headers=headers or {}, may_repeat=may_repeat)
    kind = {"Content-Type": "application/json"}
    return Outgoing(method, path, headers={**kind, **(headers or {})}, content=encoded(body), may_repeat=may_repeat)


def encoded(body: object) -> bytes:
    """As JSON; a Decimal as the number it is."""
    return json.dumps(body, default=_number, separators=(",", ":"), allow_nan=False).encode()


def _number(value: object) -> int | float:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is no JSON")
    return int(value) if value == value.to_integral_value() else float(value)  # three decimals print as they are


def path_part(value: str) -> str:
    """One part of a path, whatever it holds."""
    if not value or value in (".", ".."):
        raise ValueError("an id is not empty")
    return quote(value, safe="")


def without_none(**members: object) -> dict[str, object]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in members.items() if value is not None
    }


def get(path: str, **params: str | None) -> Call[Any]:
    given = {name: value for name, value in params.items() if value is not None}
    return Call(Outgoing("GET", path, given, may_repeat=True), json_of)


def make(path: str, body: object, idempotency_key: str | None) -> Call[Any]:
    """A POST that makes something."""
    return Call(sending("POST", path, body, idempotent(idempotency_key), may_repeat=True), json_of)


def delete(path: str) -> Call[None]:
    return Call(sending("DELETE", path, may_repeat=True), nothing)


def idempotent(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def nothing(_answer: httpx.Response) -> None:
    return None
