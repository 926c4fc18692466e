"""The paid API of one process: what it needs, opened together and closed together."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

from redis.asyncio import Redis

from services.gateway.clients.billing_ledger import BillingLedger
from services.gateway.clients.upstream import Upstreams
from services.gateway.domain.admission import AbuseRule
from services.gateway.domain.bans import BanPolicy
from services.gateway.domain.caller_address import parse_networks
from services.gateway.settings import Settings
from services.gateway.store import routes
from services.gateway.store.buckets import Buckets
from services.gateway.store.key_directory import KeyDirectory
from services.gateway.store.paid_repeats import PaidRepeats
from services.gateway.use_cases.paid_call import crash_points
from services.gateway.use_cases.paid_call.abuse import Abuse
from services.gateway.use_cases.paid_call.crowd import Crowd
from services.gateway.use_cases.paid_call.deadlines import Deadlines
from services.gateway.use_cases.paid_call.desk import Call, Desk, overloaded
from services.gateway.use_cases.paid_call.gate import Caller, Gate, as_text
from services.gateway.use_cases.paid_call.kept_back import KeptBack
from services.gateway.use_cases.paid_call.known_price import call_at_known_price
from services.gateway.use_cases.paid_call.limiter import Limiter
from services.gateway.use_cases.paid_call.metered_price import call_at_metered_price
from services.gateway.use_cases.paid_call.metrics import REFUSED
from services.gateway.use_cases.paid_call.outcomes import Outcomes
from services.gateway.use_cases.paid_call.private_upstreams import private_allowed
from services.gateway.use_cases.paid_call.progress import Progress
from services.gateway.use_cases.paid_call.repeats import Repeats, key_of
from services.gateway.use_cases.paid_call.request import PaidAnswer, PaidRequest
from services.gateway.use_cases.paid_call.undo import Undo
from services.gateway.use_cases.route_directory import RouteDirectory
from shared.change_feed import ChangeFeed
from shared.clock import Clock
from shared.db import Database
from shared.errors import DomainError
from shared.ids import uuid_text_of
from shared.service_auth import Minter

LAST_WORK_SECONDS = 3.0
"""How long a stopping process goes on undoing and telling."""


class PaidApi:
    """One a process; it works while `running` is entered."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        redis: Redis,
        clock: Clock,
        feed: ChangeFeed,
        keys: KeyDirectory,
        minter: Minter,
    ) -> None:
        rule = AbuseRule(settings.ban_refused_calls, settings.ban_window_seconds * 1_000)
        self.buckets = Buckets(redis, rule)
        limiter = Limiter(
            self.buckets,
            rule,
            deadline_ms=settings.redis_deadline_ms,
            processes=settings.gateway_processes * settings.gateway_machines,
        )
        abuse = Abuse(
            database,
            self.buckets,
            clock,
            policy=_ban_policy(settings),
            seal_keys=settings.seal_keys,
            bad_keys_per_incident=settings.bad_key_incident_calls,
        )
        self._gate = Gate(
            keys=keys,
            routes=RouteDirectory(feed, load=partial(routes.load_all, database, settings.seal_keys)),
            limiter=limiter,
            abuse=abuse,
            rule=rule,
            clock=clock,
            trusted_proxies=parse_networks(settings.trusted_proxies),
        )
        crash_points.arm(settings.crash_at)
        self._ledger = _ledger(settings, minter)
        self._crowd = Crowd(settings.paid_calls_per_account)
        self._longest_wait_ns = settings.paid_wait_ms * 1_000_000
        self._undo = Undo(self._ledger)
        self._outcomes = Outcomes(self._ledger)
        self._progress = Progress()
        self._repeats = Repeats(PaidRepeats(database), self._undo, pepper=settings.idempotency_pepper)
        self._upstreams = _upstreams(settings)
        self._desk = Desk(
            ledger=self._ledger,
            undo=self._undo,
            outcomes=self._outcomes,
            progress=self._progress,
            upstreams=self._upstreams,
            deadlines=Deadlines(),
            kept_back=KeptBack(settings.metered_kept_bytes),
            clock=clock,
            hold_margin_ms=settings.hold_margin_ms,
            hang_up_read_ms=settings.hang_up_read_ms,
        )

    async def call(self, request: PaidRequest) -> PaidAnswer:
        """Answer one paid request. Raises DomainError for a refusal, CallerLeft where nobody waits for an answer."""
        began_ns = time.monotonic_ns()
        try:
            key = key_of(request.head)
            caller = await self._gate.identify(request)
            account_id = caller.record.identity.account_id
            self._crowd.enter(account_id)
        except DomainError as refusal:
            REFUSED.labels(refusal.code).inc()
            raise
        try:
            answer = await self._admitted(request, caller, key, began_ns)
        except BaseException as error:
            self._crowd.leave(account_id)
            if isinstance(error, DomainError):
                REFUSED.labels(error.code).inc()
            raise
        if isinstance(answer.body, bytes):
            self._crowd.leave(account_id)
        else:
            answer.body = await self._crowd.leave_after(account_id, answer.body)
        return answer

    async def _admitted(self, request: PaidRequest, caller: Caller, key: str | None, began_ns: int) -> PaidAnswer:
        entry = await self._gate.admit(caller)
        try:
            if time.monotonic_ns() - began_ns > self._longest_wait_ns:
                raise overloaded()
            call_id = uuid_text_of("req", request.request_id) or str(self._desk.new_uuid())
            call = Call(call_id, request, caller.record, entry.route, began_ns)
            answer = await (self._paid(self._desk, call) if key is None else self._once(call, key))
        except DomainError as refusal:
            refusal.headers |= as_text(entry.headers)
            raise
        answer.headers += entry.headers
        return answer

    async def _paid(self, desk: Desk, call: Call) -> PaidAnswer:
        if call.route.price.is_known_beforehand:
            return await call_at_known_price(desk, call)
        return await call_at_metered_price(desk, call)

    async def _once(self, call: Call, key: str) -> PaidAnswer:
        """Charged once, however often it is sent with its Idempotency-Key."""
        return await self._repeats.call(self._desk, call, key, self._paid)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Undo and tell in the background; at the end, what is left for a moment more, then close the pools."""
        tasks = [
            asyncio.create_task(self._undo.run(), name="undo-unanswered"),
            asyncio.create_task(self._outcomes.run(), name="tell-outcomes"),
            asyncio.create_task(self._progress.run(), name="tell-progress"),
            asyncio.create_task(self._repeats.run(), name="renew-leases"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORK_SECONDS):
                    await self._undo.work_off()
                    await self._outcomes.tell_waiting()
            await self._gate.close()
            await self._ledger.close()
            await self._upstreams.close()


def _ban_policy(settings: Settings) -> BanPolicy:
    return BanPolicy(
        lengths=tuple(timedelta(minutes=minutes) for minutes in settings.ban_minutes),
        memory=timedelta(days=settings.ban_memory_days),
    )


def _ledger(settings: Settings, minter: Minter) -> BillingLedger:
    return BillingLedger(
        settings.billing_url,
        minter,
        deadline_ms=settings.billing_deadline_ms,
        batches_in_flight=settings.billing_batches_in_flight,
        most_waiting=settings.billing_queue,
        longest_wait_ms=settings.billing_queue_ms,
    )


def _upstreams(settings: Settings) -> Upstreams:
    hosts, networks = private_allowed(settings)
    return Upstreams(
        most_connections=settings.upstream_connections,
        most_per_origin=settings.upstream_connections_per_host,
        refuses_private=settings.environment == "production",
        listed_hosts=hosts,
        listed_networks=networks,
    )
