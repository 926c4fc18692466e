"""What the clients have in common: where the platform is, the kept connections, and how they are closed. One kind
blocks, the other is awaited; what is asked is the same (seen.py)."""

import asyncio
import platform
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self, TypeVar

import httpx

from tollgate_client.driving import drive, drive_async
from tollgate_client.exchange import Flow

T = TypeVar("T")
Timeout = float | httpx.Timeout


def _version() -> str:
    try:
        return version("tollgate-client")
    except PackageNotFoundError:  # a checkout that nothing installed
        return "0"


VERSION = _version()
USER_AGENT = f"tollgate-client/{VERSION} python/{platform.python_version()} httpx/{httpx.__version__}"
_HEADERS = {"User-Agent": USER_AGENT}


class Blocking:
    """A client that has the result when it returns. Safe to use from several threads; for a `with` statement, or to be
    closed. An HTTP client of your own isn't closed."""

    def __init__(
        self, base_url: str, http: httpx.Client | None, timeout: Timeout, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._prefix, self._sleep, self._is_own = prefix_of(base_url), sleep, http is None
        self._http = http or httpx.Client(timeout=timeout, headers=_HEADERS)

    def _drive(self, flow: Flow[T]) -> T:
        return drive(flow, self._http, self._sleep)

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
        return f"{type(self).__name__}({self._prefix!r})"


class NonBlocking:
    """The same, with results that are awaited."""

    def __init__(
        self,
        base_url: str,
        http: httpx.AsyncClient | None,
        timeout: Timeout,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._prefix, self._sleep, self._is_own = prefix_of(base_url), sleep, http is None
        self._http = http or httpx.AsyncClient(timeout=timeout, headers=_HEADERS)

    async def _drive(self, flow: Flow[T]) -> T:
        return await drive_async(flow, self._http, self._sleep)

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
        return f"{type(self).__name__}({self._prefix!r})"


def prefix_of(base_url: str) -> str:
    """The platform's address without its last slash; ValueError where it is none."""
    if not base_url.startswith(("https://", "http://")):
        raise ValueError("base_url is the platform's address, such as https://tollgate.example")
    return base_url.rstrip("/")
