"""Bans for abuse (S2) and incidents of bad keys: decided under the key's lock, told to every process at once."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime

from services.gateway.domain.bans import BanPolicy, next_ban
from services.gateway.domain.key_record import KeyRecord
from services.gateway.store import bans, incidents
from services.gateway.store.buckets import Buckets, BucketsUnavailable
from services.gateway.store.incidents import Incident
from services.gateway.use_cases.paid_call.metrics import BANS
from shared import changes
from shared.clock import Clock
from shared.db import Database, is_unavailable
from shared.ids import milliseconds, new_id
from shared.telemetry import logger

_WINDOW_SECONDS = 60.0
_MOST_ADDRESSES = 10_000


class Abuse:
    """One a process. What can't be written now is not lost: the next refused call tries again."""

    def __init__(
        self,
        database: Database,
        shared: Buckets,
        clock: Clock,
        *,
        policy: BanPolicy,
        seal_keys: Mapping[int, bytes],
        bad_keys_per_incident: int,
    ) -> None:
        self._database = database
        self._shared = shared
        self._clock = clock
        self._policy = policy
        self._seal_keys = seal_keys
        self._bad_keys_per_incident = bad_keys_per_incident
        self._under_way: set[str] = set()
        self._bad_keys: OrderedDict[str, tuple[float, int]] = OrderedDict()

    async def ban(self, record: KeyRecord, *, refused: int) -> None:
        """Ban the key, unless it is banned already or another call is at it."""
        if record.key_id in self._under_way:
            return
        self._under_way.add(record.key_id)
        try:
            await self._ban(record, refused)
        except Exception as error:
            if not is_unavailable(error):
                raise
            logger.warning("ban_not_written", key_id=record.key_id, error=type(error).__name__)
        finally:
            self._under_way.discard(record.key_id)

    async def _ban(self, record: KeyRecord, refused: int) -> None:
        now = self._clock.real_now()
        until = await self._imposed(record, refused, now)
        if until is None:
            return
        left_ms = milliseconds(until) - milliseconds(now)
        try:
            await self._shared.ban(record.account_id, record.key_id, until_ms=milliseconds(until), for_ms=left_ms)
        except BucketsUnavailable as error:
            logger.warning("ban_not_shared", key_id=record.key_id, error=str(error))

    async def _imposed(self, record: KeyRecord, refused: int, now: datetime) -> datetime | None:
        """The end of the key's ban, written in one transaction with its incident and its news."""
        async with self._database.transaction() as connection:
            found = await bans.lock_key(connection, record.key_id)
            if found is None:
                return None
            account_id, banned_until = found
            if banned_until is not None and now < banned_until:
                return banned_until
            earlier = await bans.count_recent(connection, record.key_id, now=now, memory=self._policy.memory)
            ban = next_ban(self._policy, key_id=record.key_id, account_id=account_id, earlier=earlier, now=now)
            await bans.impose(connection, new_id("ban", at=now), ban)
            await incidents.record(
                connection,
                self._seal_keys,
                Incident(
                    new_id("inc", at=now),
                    "key_banned",
                    now,
                    account_id,
                    record.key_id,
                    details={"refused_calls": refused, "step": ban.step, "banned_until": ban.until},
                ),
            )
            await changes.note(connection, "key", record.key_id)
        BANS.inc()
        logger.warning("key_banned", key_id=record.key_id, account_id=account_id, step=ban.step)
        return ban.until

    async def saw_bad_key(self, address: str) -> None:
        """Count a call with a bad key; the one that makes it too many in a minute is an incident."""
        now = time.monotonic()
        since, count = self._bad_keys.pop(address, (now, 0))
        if now - since >= _WINDOW_SECONDS:
            since, count = now, 0
        self._bad_keys[address] = (since, count + 1)
        if len(self._bad_keys) > _MOST_ADDRESSES:
            self._bad_keys.popitem(last=False)
        if count + 1 == self._bad_keys_per_incident:
            await self._record_bad_keys(address)

    async def _record_bad_keys(self, address: str) -> None:
        at = self._clock.real_now()
        details = {"calls": self._bad_keys_per_incident, "window_seconds": int(_WINDOW_SECONDS)}
        incident = Incident(new_id("inc", at=at), "bad_keys", at, address=address, details=details)
        try:
            async with self._database.transaction() as connection:
                await incidents.record(connection, self._seal_keys, incident)
        except Exception as error:
            if not is_unavailable(error):
                raise
            logger.warning("incident_not_written", kind="bad_keys", error=type(error).__name__)
