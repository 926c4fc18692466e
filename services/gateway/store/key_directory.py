"""Which key a caller presents: the look-up of every paid call.

A wrong check never reaches PostgreSQL. A revoked key, a changed limit or a suspended account is known here within 1 s.
"""

from services.gateway.domain.api_key import PresentedKey, may_exist
from services.gateway.domain.key_record import KeyRecord
from shared.change_feed import ChangeFeed
from shared.clock import Clock
from shared.look_ups import Load
from shared.record_cache import RecordCache


class KeyDirectory:
    """Keys by what the caller sent."""

    def __init__(self, feed: ChangeFeed, clock: Clock, *, load: Load[KeyRecord], most: int) -> None:
        self._clock = clock
        self._records = RecordCache[KeyRecord](
            feed,
            load=load,
            refs={"key": lambda record: record.key_id, "account": lambda record: record.account_id},
            most=most,
        )

    async def find(self, key: PresentedKey) -> KeyRecord | None:
        """The live key, or None for one that is unknown, malformed, revoked or expired.

        A suspended account's and a banned key are found: their refusals are the caller's to make. A key's check is
        judged only where it is not remembered, since what is remembered has passed it. Raises `overloaded`.
        """
        record = self._records.recall(key.digest)
        if record is None:
            if not may_exist(key.text):
                return None
            record = await self._records.find(key.digest)
        if record is None or (record.expires_at is not None and record.has_expired(self._clock.real_now())):
            return None
        return record
