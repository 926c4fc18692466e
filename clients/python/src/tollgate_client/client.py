"""The public API (`TollgateClient`, `AsyncTollgateClient`): one account's key or session, kept connections, retries."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from tollgate_client import calls
from tollgate_client.calls import Call, Listing
from tollgate_client.exchange import Flow, Retries, drive, drive_async, exchange
from tollgate_client.operations import Operations

T = TypeVar("T")

TIMEOUT = httpx.Timeout(35.0, connect=5.0)
"""The platform's slowest answer, a checkout's, has 30 seconds."""


class TollgateClient(Operations):
    """Each operation returns its result, or raises a `TollgateError`. Safe to use from several threads.

    `api_key` (for paid calls, credits and usage) or `session` (for everything of the account), not both; neither for
    what is public. `http` is a client of your own, with your proxies or transports; it isn't closed here.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        session: str | None = None,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._prefix, self._headers = base_url.rstrip("/"), credential(api_key, session)
        self._retries, self._sleep = retries or Retries(), sleep
        self._http, self._is_own = http or httpx.Client(timeout=TIMEOUT), http is None

    def perform(self, call: Call[T], /) -> T:
        """Send a call (see `tollgate_client.calls`) and read its answer."""
        return drive(performed(call, self._prefix, self._headers, self._retries), self._http, self._sleep)

    def iterate(self, listing: Listing[T], /) -> Iterator[T]:
        """Everything in a list, a page at a time."""
        after: str | None = None
        while True:
            page = self.perform(listing.page(after))
            yield from page["data"]
            if not page["has_more"]:
                return
            after = page["next"]

    @contextlib.contextmanager
    def stream(self, route: str, path: str = "", **options: Any) -> Iterator[httpx.Response]:
        """A paid call whose answer is read as it comes: `with client.stream("demo", "v1/...") as answer:`. The options
        are those of `call`. A refusal is raised as `Problem`."""
        answer = self.call(route, path, **options, streamed=True)
        try:
            if answer.is_error:
                answer.read()
                calls.raise_refusal(answer)
            yield answer
        finally:
            answer.close()

    def close(self) -> None:
        """Close the connections, unless the HTTP client is your own."""
        if self._is_own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TollgateClient({self._prefix!r})"


class AsyncTollgateClient(Operations):
    """The same operations, each awaited; lists are async iterators."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        session: str | None = None,
        retries: Retries | None = None,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._prefix, self._headers = base_url.rstrip("/"), credential(api_key, session)
        self._retries, self._sleep = retries or Retries(), sleep
        self._http, self._is_own = http or httpx.AsyncClient(timeout=TIMEOUT), http is None

    async def perform(self, call: Call[T], /) -> T:
        """Send a call (see `tollgate_client.calls`) and read its answer."""
        return await drive_async(performed(call, self._prefix, self._headers, self._retries), self._http, self._sleep)

    async def iterate(self, listing: Listing[T], /) -> AsyncIterator[T]:
        """Everything in a list, a page at a time."""
        after: str | None = None
        while True:
            page = await self.perform(listing.page(after))
            for item in page["data"]:
                yield item
            if not page["has_more"]:
                return
            after = page["next"]

    @contextlib.asynccontextmanager
    async def stream(self, route: str, path: str = "", **options: Any) -> AsyncIterator[httpx.Response]:
        """As `TollgateClient.stream`."""
        answer = await self.call(route, path, **options, streamed=True)
        try:
            if answer.is_error:
                await answer.aread()
                calls.raise_refusal(answer)
            yield answer
        finally:
            await answer.aclose()

    async def close(self) -> None:
        """Close the connections, unless the HTTP client is your own."""
        if self._is_own:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncTollgateClient({self._prefix!r})"


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
