"""An operation of the API: its method and path, what it takes, and the function that does it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from deploy.stripe_sandbox.domain.params import Many, Shape, Text
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.turn import Turn


@dataclass(frozen=True)
class Given:
    """What the caller asked: the path's ids and the typed parameters (`expand` apart)."""

    path: dict[str, str]
    params: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """An answer with a status of its own, whose effects stay: a declined card's 402."""

    body: Json
    status: int = 200


Act = Callable[[Turn, Given], Json | Answer]


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    takes: Shape
    act: Act


_EXPAND = Many(Text(longest=200), most=20)


def operation(method: str, path: str, takes: Shape, act: Act) -> Operation:
    """An operation that also takes `expand`, as all of Stripe's do."""
    return Operation(method, path, replace(takes, fields={**takes.fields, "expand": _EXPAND}), act)
