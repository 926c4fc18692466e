"""What both clients can do, said once: `TollgateClient` does an operation at once, `AsyncTollgateClient` when awaited.

An `Operation` is a function that makes a `Call`, seen through a client. Read on a client that blocks it is a function
of the same parameters that returns the result; read on one that doesn't, one that returns an awaitable of it. Type
checkers see both. A `Collection` is the same for lists: an iterator over all pages.
"""

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from tollgate_client import calls
from tollgate_client.calls import Call, Listing

P = ParamSpec("P")
T = TypeVar("T")


class Blocking(Protocol):
    """A client that has the result when it returns."""

    def perform(self, call: Call[T], /) -> T: ...

    def iterate(self, listing: Listing[T], /) -> Iterator[T]: ...


class NonBlocking(Protocol):
    """A client whose results are awaited."""

    def perform(self, call: Call[T], /) -> Coroutine[Any, Any, T]: ...

    def iterate(self, listing: Listing[T], /) -> AsyncIterator[T]: ...


class Operation(Generic[P, T]):
    """One call, as a method of a client."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: None, owner: object) -> "Operation[P, T]": ...
    @overload
    def __get__(self, client: Blocking, owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: NonBlocking, owner: object) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: object) -> Any:
        if client is None:
            return self

        @functools.wraps(self._make)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.perform(self._make(*args, **kwargs))

        return method


class Collection(Generic[P, T]):
    """A list, as a method of a client: iterates over all pages, which are got as they are needed."""

    def __init__(self, make: Callable[P, Listing[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: None, owner: object) -> "Collection[P, T]": ...
    @overload
    def __get__(self, client: Blocking, owner: object) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: NonBlocking, owner: object) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, client: Any, owner: object) -> Any:
        if client is None:
            return self

        @functools.wraps(self._make)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.iterate(self._make(*args, **kwargs))

        return method


class Operations:
    """The public API."""

    login = Operation(calls.login)
    logout = Operation(calls.logout)
    account = Operation(calls.account)

    api_keys = Collection(calls.api_keys)
    create_api_key = Operation(calls.create_api_key)
    change_api_key = Operation(calls.change_api_key)
    rotate_api_key = Operation(calls.rotate_api_key)
    revoke_api_key = Operation(calls.revoke_api_key)

    credits = Operation(calls.credits)
    transactions = Collection(calls.transactions)
    transaction_proof = Operation(calls.transaction_proof)
    checkout = Operation(calls.checkout)

    payments = Collection(calls.payments)
    payment = Operation(calls.payment)
    cancel_payment = Operation(calls.cancel_payment)
    payment_methods = Collection(calls.payment_methods)
    add_payment_method = Operation(calls.add_payment_method)
    choose_payment_method = Operation(calls.choose_payment_method)
    remove_payment_method = Operation(calls.remove_payment_method)
    auto_top_up = Operation(calls.auto_top_up)
    set_auto_top_up = Operation(calls.set_auto_top_up)

    usage = Operation(calls.usage)
    usage_of_call = Operation(calls.usage_of_call)

    plans = Operation(calls.plans)
    subscribe = Operation(calls.subscribe)
    subscriptions = Collection(calls.subscriptions)
    subscription = Operation(calls.subscription)
    cancel_subscription = Operation(calls.cancel_subscription)
    resume_subscription = Operation(calls.resume_subscription)
    pause_subscription = Operation(calls.pause_subscription)
    change_subscription = Operation(calls.change_subscription)

    licenses = Collection(calls.licenses)
    license = Operation(calls.license)
    explain_license = Operation(calls.explain_license)
    rotate_license_key = Operation(calls.rotate_license_key)
    license_activations = Collection(calls.license_activations)
    end_license_activation = Operation(calls.end_license_activation)
    license_file = Operation(calls.license_file)
    license_public_keys = Operation(calls.license_public_keys)

    call = Operation(calls.paid_call)
