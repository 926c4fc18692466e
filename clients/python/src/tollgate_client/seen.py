"""What both kinds of client can do, said once and seen through each of them.

A descriptor wraps the function that describes an operation. Read on a client that blocks it is a function of the same
parameters that returns the result; read on one that doesn't, one whose result is awaited. Type checkers see both.
"""

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from tollgate_client.calls import Call, Listing
from tollgate_client.connection import Blocking, NonBlocking
from tollgate_client.exchange import Flow

P = ParamSpec("P")
T = TypeVar("T")
AtOnce = TypeVar("AtOnce")
Awaited = TypeVar("Awaited")


class Seen(Generic[P, AtOnce, Awaited]):
    """An operation of a client: `AtOnce` is what one that blocks returns, `Awaited` what the other does."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def _through(self, client: Any) -> Callable[..., Any]:
        raise NotImplementedError

    @overload
    def __get__(self, client: None, owner: object) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: object) -> Callable[P, AtOnce]: ...
    @overload
    def __get__(self, client: NonBlocking, owner: object) -> Callable[P, Awaited]: ...
    def __get__(self, client: Any, owner: object) -> Any:
        return self if client is None else self._through(client)


class Operation(Seen[P, T, Coroutine[Any, Any, T]], Generic[P, T]):
    """One call."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        super().__init__(make)

    def _through(self, client: Any) -> Callable[..., Any]:
        return _followed_by(client.perform, self._make)


class Collection(Seen[P, Iterator[T], AsyncIterator[T]], Generic[P, T]):
    """A list: an iterator over all its pages, which are got as they are needed."""

    def __init__(self, make: Callable[P, Listing[T]]) -> None:
        super().__init__(make)

    def _through(self, client: Any) -> Callable[..., Any]:
        return _followed_by(client.iterate, self._make)


class Question(Seen[P, T, Coroutine[Any, Any, T]], Generic[P, T]):
    """A flow of the client's `_asker`."""

    def __init__(self, make: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        super().__init__(make)

    def _through(self, client: Any) -> Callable[..., Any]:
        return _followed_by(client._drive, getattr(client._asker, self._make.__name__))


def _followed_by(does: Callable[[Any], Any], make: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make)
    def method(*args: Any, **kwargs: Any) -> Any:
        return does(make(*args, **kwargs))

    return method
