"""Calls between services: one pool a sibling, a deadline for each call, retries within a budget.

Only calls that may be sent twice are retried: GETs, PUTs, and POSTs whose caller says that they are idempotent.
"""

import asyncio
import random
from typing import Any

import httpx
import orjson

from shared.service_auth import Minter

_BUDGET_MAX = 10.0
_BUDGET_PER_CALL = 0.1
_FIRST_PAUSE_SECONDS = 0.05


class SiblingUnavailable(Exception):
    """The sibling did not answer in time, or answered 5xx. What became of the call is unknown."""


class ServiceClient:
    """A sibling, as this service calls it. Close it when the process ends."""

    def __init__(self, base_url: str, *, audience: str, minter: Minter, deadline_seconds: float = 5.0) -> None:
        self._audience = audience
        self._minter = minter
        self._deadline = deadline_seconds
        self._budget = _BUDGET_MAX
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(deadline_seconds, connect=1.0),
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=50),
            trust_env=False,
            follow_redirects=False,
        )

    async def get(self, path: str, *, deadline_seconds: float | None = None) -> httpx.Response:
        """GET as this service; answers under 500 come back as they are. Raises SiblingUnavailable."""
        return await self._call("GET", path, None, idempotent=True, deadline_seconds=deadline_seconds)

    async def post(
        self, path: str, body: Any, *, idempotent: bool, deadline_seconds: float | None = None
    ) -> httpx.Response:
        """POST JSON as this service; answers under 500 come back as they are. Raises SiblingUnavailable."""
        content = orjson.dumps(body)
        return await self._call("POST", path, content, idempotent=idempotent, deadline_seconds=deadline_seconds)

    async def put(self, path: str, body: Any, *, deadline_seconds: float | None = None) -> httpx.Response:
        """PUT JSON as this service, which may be sent twice. Raises SiblingUnavailable."""
        return await self._call("PUT", path, orjson.dumps(body), idempotent=True, deadline_seconds=deadline_seconds)

    async def _call(
        self,
        method: str,
        path: str,
        content: bytes | None,
        *,
        idempotent: bool,
        deadline_seconds: float | None,
    ) -> httpx.Response:
        self._budget = min(_BUDGET_MAX, self._budget + _BUDGET_PER_CALL)
        try:
            async with asyncio.timeout(deadline_seconds or self._deadline):
                return await self._until_answered(method, path, content, idempotent=idempotent)
        except (TimeoutError, httpx.HTTPError) as error:
            raise SiblingUnavailable(f"{self._audience}: {type(error).__name__}") from error

    async def _until_answered(
        self, method: str, path: str, content: bytes | None, *, idempotent: bool
    ) -> httpx.Response:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                response = await self._http.request(method, path, content=content, headers=self._headers())
            except httpx.TransportError:
                if not self._may_retry(idempotent=idempotent):
                    raise
            else:
                if response.status_code < 500:
                    return response
                if not self._may_retry(idempotent=idempotent):
                    raise SiblingUnavailable(f"{self._audience}: {response.status_code}")
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311
            pause *= 2

    def _may_retry(self, *, idempotent: bool) -> bool:
        if not idempotent or self._budget < 1:
            return False
        self._budget -= 1
        return True

    def _headers(self) -> dict[str, str]:
        return {
            "authorization": f"Bearer {self._minter.for_service(self._audience)}",
            "content-type": "application/json",
        }

    @property
    def http(self) -> httpx.AsyncClient:
        """The pool itself, for what needs no token."""
        return self._http

    async def answers(self) -> bool:
        """Whether the sibling's `/ping` answers."""
        try:
            async with asyncio.timeout(1.0):
                return (await self._http.get("/ping")).status_code == 200
        except (TimeoutError, httpx.HTTPError):
            return False

    async def close(self) -> None:
        await self._http.aclose()
