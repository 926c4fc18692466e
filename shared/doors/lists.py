"""Lists by page: `?limit=&after=` in, `{data, has_more, next}` out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from starlette.responses import Response
from typing_extensions import TypedDict

from shared import ids
from shared.doors import answer
from shared.errors import DomainError

LONGEST_PAGE = 100

Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="How many at most.")]
After = Annotated[str | None, Query(max_length=64, description="The id after which the page begins.")]

Item = TypeVar("Item")
View = TypeVar("View")


class Page(TypedDict, Generic[View]):
    """A page of a list. `next` is what `after` takes for the following one; null on the last."""

    data: list[View]
    has_more: bool
    next: str | None


def checked_cursor(prefix: str, after: str | None) -> str | None:
    """`after`, or `invalid_cursor` where it is no id of that kind."""
    if after is not None and ids.decode(prefix, after) is None:
        raise invalid_cursor()
    return after


def invalid_cursor() -> DomainError:
    return DomainError("invalid_cursor", "There is nothing with the id that `after` names.")


def page(found: Sequence[Item], limit: int, render: Callable[[Item], Mapping[str, object]]) -> Response:
    """The answer for up to `limit + 1` items that were asked for: the last only says that there is more."""
    data = [render(item) for item in found[:limit]]
    has_more = len(found) > limit
    return answer({"data": data, "has_more": has_more, "next": data[-1]["id"] if has_more else None})
