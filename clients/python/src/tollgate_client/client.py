"""The public API (`TollgateClient`, `AsyncTollgateClient`): one account's key or session, kept connections, retries."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, TypeVar

import httpx

from tollgate_client.calls import Call, Listing
from tollgate_client.calls.metering import raise_refusal
from tollgate_client.connection import Blocking, NonBlocking, Timeout
from tollgate_client.errors import Unreachable
from tollgate_client.exchange import Flow, Retries, exchange
from tollgate_client.operations import Operations

T = TypeVar("T")

TIMEOUT = httpx.Timeout(35.0, connect=5.0)
"""The platform's slowest answer, a checkout's, has 30 seconds."""


class TollgateClient(Operations, Blocking):
    """Each operation returns its result, or raises a `TollgateError`. Safe to use from several threads.

    `api_key` (for paid calls, credits and usage) or `session` (for everything of the account), not both; neither for
    what is public. `timeout` is an attempt's, in seconds or as httpx has it. `http` is a client of your own, with your
    timeouts, proxies or transports; it isn't closed here.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        session: str | None = None,
        retries: Retries | None = None,
        timeout: Timeout = TIMEOUT,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._headers, self._retries = credential(api_key, session), retries or Retries()
        super().__init__(base_url, http, timeout, sleep)

    def perform(self, call: Call[T], /) -> T:
        """Send a call (see `tollgate_client.calls`) and read its answer."""
        return self._drive(performed(call, self._prefix, self._headers, self._retries))

    def iterate(self, listing: Listing[T], /) -> Iterator[T]:
        """Everything in a list, a page at a time."""
        page = self.perform(listing.page(None))
        yield from page["data"]
        while page["has_more"]:
            page = self.perform(listing.page(page["next"]))
            yield from page["data"]

    @contextlib.contextmanager
    def stream(self, route: str, path: str = "", **options: Any) -> Iterator[httpx.Response]:
        """A paid call whose answer is read as it comes: `with client.stream("demo", "v1/...") as answer:`. The options
        are those of `call`. A refusal is raised as `Problem`, `Unreachable` where the answer breaks off."""
        answer = self.call(route, path, **options, streamed=True)
        try:
            if answer.is_error:
                answer.read()
                raise_refusal(answer)
            yield answer
        except httpx.RequestError as error:
            if error.request is not answer.request:
                raise
            raise _broken_off(error) from error
        finally:
            answer.close()


class AsyncTollgateClient(Operations, NonBlocking):
    """The same operations, each awaited; lists are async iterators."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        session: str | None = None,
        retries: Retries | None = None,
        timeout: Timeout = TIMEOUT,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._headers, self._retries = credential(api_key, session), retries or Retries()
        super().__init__(base_url, http, timeout, sleep)

    async def perform(self, call: Call[T], /) -> T:
        """As `TollgateClient.perform`."""
        return await self._drive(performed(call, self._prefix, self._headers, self._retries))

    async def iterate(self, listing: Listing[T], /) -> AsyncIterator[T]:
        """As `TollgateClient.iterate`."""
        page = await self.perform(listing.page(None))
        for item in page["data"]:
            yield item
        while page["has_more"]:
            page = await self.perform(listing.page(page["next"]))
            for item in page["data"]:
                yield item

    @contextlib.asynccontextmanager
    async def stream(self, route: str, path: str = "", **options: Any) -> AsyncIterator[httpx.Response]:
        """As `TollgateClient.stream`."""
        answer = await self.call(route, path, **options, streamed=True)
        try:
            if answer.is_error:
                await answer.aread()
                raise_refusal(answer)
            yield answer
        except httpx.RequestError as error:
            if error.request is not answer.request:
                raise
            raise _broken_off(error) from error
        finally:
            await answer.aclose()


def credential(api_key: str | None, session: str | None) -> dict[str, str]:
    """The header that says who asks."""
    if api_key is not None and session is not None:
        raise ValueError("give api_key or session, not both")
    token = api_key if api_key is not None else session
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def performed(call: Call[T], prefix: str, headers: Mapping[str, str], retries: Retries) -> Flow[T]:
    """The flow of one call."""
    answer = yield from exchange(call.outgoing.at(prefix, headers), retries)
    return call.result(answer)


def _broken_off(error: httpx.RequestError) -> Unreachable:
    """Of a stream that ended early. (What another request raised while it was read stays as it is.)"""
    return Unreachable(f"{error.request.method} {error.request.url.path} broke off: {type(error).__name__}")
