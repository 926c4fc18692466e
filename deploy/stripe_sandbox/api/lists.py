"""Stripe's lists: newest first, a page at a time, by `starting_after` and `ending_before`."""

from collections.abc import Callable
from typing import Any

from deploy.stripe_sandbox.api.operation import Given
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import Either, Param, Shape, Text, Whole, shape
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.use_cases.turn import Turn

DEFAULT_LIMIT = 10
MOST = 100

_CREATED = Either(Whole(), shape(gt=Whole(), gte=Whole(), lt=Whole(), lte=Whole()))


def list_shape(**filters: Param) -> Shape:
    return undated_list_shape(created=_CREATED, **filters)


def undated_list_shape(**filters: Param) -> Shape:
    """That of a list which can't be asked for by when its elements were made."""
    paging: dict[str, Param] = {
        "limit": Whole(1, MOST),
        "starting_after": Text(longest=255),
        "ending_before": Text(longest=255),
    }
    return Shape({**paging, **filters})


def list_of(
    turn: Turn,
    given: Given,
    kind: str,
    url: str,
    *,
    equal: dict[str, object] | None = None,
    hidden: dict[str, object] | None = None,
    among: dict[str, list[str]] | None = None,
    delivered: bool | None = None,
    shown: Callable[[Json], Json] | None = None,
) -> Json:
    """A page of the kind's objects; `equal` and `among` filter by fields of the body, `hidden` by what is kept
    beside it, `shown` renders each."""
    params = given.params
    after, before = (
        _cursor(turn, kind, params, "starting_after"),
        _cursor(turn, kind, params, "ending_before"),
    )
    if after and before:
        raise StripeError("You cannot use both `starting_after` and `ending_before`.", param="starting_after")
    objects, more = turn.store.objects.page(
        Page(
            kind=kind,
            limit=params.get("limit", DEFAULT_LIMIT),
            equal=equal or {},
            hidden=hidden or {},
            among=among or {},
            created=_created(params.get("created")),
            after=after,
            before=before,
            delivered=delivered,
        )
    )
    return as_list([shown(found) for found in objects] if shown else objects, url, more=more)


def as_list(objects: list[Json], url: str, *, more: bool = False) -> Json:
    return {"object": "list", "data": objects, "has_more": more, "url": url}


def picked(params: dict[str, Any], *names: str) -> dict[str, object]:
    """Those filters that were given, for fields of the same name."""
    return {name: params[name] for name in names if name in params}


def _cursor(turn: Turn, kind: str, params: dict[str, Any], name: str) -> str | None:
    cursor: str | None = params.get(name)
    if cursor is not None:
        turn.referred(kind, cursor, param=name)
    return cursor


def _created(asked: Any) -> dict[str, int]:
    if asked is None:
        return {}
    return asked if isinstance(asked, dict) else {"gte": asked, "lte": asked}
