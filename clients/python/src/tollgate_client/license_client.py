"""The clients of one licensee: `LicenseClient` has the answer when it returns, `AsyncLicenseClient` when awaited."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx

from tollgate_client.asking import Asker
from tollgate_client.connection import Blocking, NonBlocking, Timeout
from tollgate_client.licensee import Clock, Licensee, utc_now
from tollgate_client.seen import Question

TIMEOUT = 10.0
"""Seconds that an attempt may take: behind a line that hangs the license file answers soon."""


class LicenseQuestions:
    """`validate` always answers a verdict; the others raise `TollgateError`, an `UntrustedAnswer` where whoever
    says yes is not the platform. Refusals bear no signature: after one, what holds `validate` tells."""

    _asker: Asker

    validate = Question(Asker.validate)
    activate = Question(Asker.activate)
    deactivate = Question(Asker.deactivate)
    heartbeat = Question(Asker.heartbeat)
    transfer_from = Question(Asker.transfer_from)
    renew_file = Question(Asker.renew_file)


class LicenseClient(LicenseQuestions, Blocking):
    """Asks about one license for one server."""

    def __init__(
        self,
        base_url: str,
        licensee: Licensee,
        *,
        timeout: Timeout = TIMEOUT,
        http: httpx.Client | None = None,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(base_url, http, timeout, sleep)
        self._asker = Asker(licensee, self._prefix, clock)


class AsyncLicenseClient(LicenseQuestions, NonBlocking):
    """The same, awaited. The license file and the store are read and written in the event loop: they are small."""

    def __init__(
        self,
        base_url: str,
        licensee: Licensee,
        *,
        timeout: Timeout = TIMEOUT,
        http: httpx.AsyncClient | None = None,
        clock: Clock = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(base_url, http, timeout, sleep)
        self._asker = Asker(licensee, self._prefix, clock)
