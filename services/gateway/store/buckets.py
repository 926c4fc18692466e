"""Keys' bans, buckets and refused calls in Redis: one script call for all calls that wait.

Everything here may be lost: bans stand in PostgreSQL, and a bucket that is forgotten is full. Keys of one account
share a hash slot, and so a script call on Redis Cluster.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from redis.asyncio import Redis

from services.gateway.domain.admission import AbuseRule, Allowance, Judgement
from shared.script_lines import LinesDown, ScriptLines, pack, packed

_SCRIPT = Path(__file__).with_name("buckets.lua").read_bytes()
_PACKED_SHA = packed(hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest().encode())
_SET_BAN = b"""
if ARGV[1] == '0' then return redis.call('HDEL', KEYS[1], 'b', 'r', 's') end
redis.call('HSET', KEYS[1], 'b', ARGV[1], 'r', 0)
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_DEADLINE_SECONDS = 1.0
_FIXED_PARTS = 3
_FIXED_ARGUMENTS = 5
_KEPT_BEYOND_BAN_MS = 86_460_000


class BucketsUnavailable(Exception):
    """Redis did not answer. `may_have_counted` where the question was sent."""

    def __init__(self, why: str, *, may_have_counted: bool = False) -> None:
        super().__init__(why)
        self.may_have_counted = may_have_counted


@dataclass(slots=True, eq=False)
class Asked:
    """`times` calls of one key to judge, and `spent` ones that were admitted while Redis was away."""

    account_id: str
    key_id: str
    allowance: Allowance
    times: int = 0
    spent: int = 0


class Buckets:
    """The shared count of calls."""

    def __init__(self, redis: Redis, rule: AbuseRule) -> None:
        self._lines = ScriptLines[Asked](redis, _SCRIPT, key_of=_key, packed=self._command)
        self._bans = ScriptLines[_Ban](redis, _SET_BAN, key_of=_key, packed=_set_ban)
        self._window = packed(b"%d" % rule.window_ms)
        self.test_now_ms = 0

    async def judge(
        self, batch: Sequence[Asked], *, deadline_seconds: float = _DEADLINE_SECONDS
    ) -> list[tuple[Asked, Judgement]]:
        """Judge all, those of one key in their order. Raises BucketsUnavailable."""
        try:
            answered = await self._lines.ask(batch, deadline_seconds=deadline_seconds)
        except LinesDown as error:
            raise BucketsUnavailable(str(error), may_have_counted=error.may_have_run) from error
        return [judged for asked, answer in answered for judged in _judged(asked, answer)]

    def _command(self, batch: Sequence[Asked]) -> bytes:
        keys: list[bytes] = []
        values: list[bytes] = []
        count = _FIXED_ARGUMENTS + len(batch)
        for one in batch:
            arguments, packed_buckets = _packed_buckets(one.allowance)
            keys.append(_packed_key(one.account_id, one.key_id))
            values += (_packed_number(one.times), _packed_number(one.spent), packed_buckets)
            count += arguments
        return b"*%d\r\n$7\r\nEVALSHA\r\n%b%b%b%b%b%b" % (
            count, _PACKED_SHA, _packed_number(len(batch)), b"".join(keys), _packed_number(self.test_now_ms),
            self._window, b"".join(values),
        )  # fmt: skip

    async def ban(self, account_id: str, key_id: str, *, until_ms: int, for_ms: int) -> None:
        """Make every process know of a ban at once. Raises BucketsUnavailable."""
        await self._set_ban(_Ban(account_id, key_id, until_ms, for_ms + _KEPT_BEYOND_BAN_MS))

    async def lift(self, account_id: str, key_id: str) -> None:
        """Forget a ban. Raises BucketsUnavailable."""
        await self._set_ban(_Ban(account_id, key_id, 0, 0))

    async def _set_ban(self, ban: "_Ban") -> None:
        try:
            [(_, answer)] = await self._bans.ask([ban], deadline_seconds=_DEADLINE_SECONDS)
        except LinesDown as error:
            raise BucketsUnavailable(str(error)) from error
        assert isinstance(answer, int)

    async def close(self) -> None:
        await self._lines.close()
        await self._bans.close()


@dataclass(frozen=True, slots=True, eq=False)
class _Ban:
    """What a key's hash is to say; `until_ms` 0: no ban."""

    account_id: str
    key_id: str
    until_ms: int
    kept_ms: int


def _set_ban(bans: Sequence[_Ban]) -> bytes:
    [one] = bans
    return pack(b"EVAL", _SET_BAN, b"1", _key(one), b"%d" % one.until_ms, b"%d" % one.kept_ms)


def state_key(account_id: str, key_id: str) -> str:
    """Where a key's state lies; the braces make it the account's slot."""
    return f"tg:{{{account_id}}}:calls:{key_id}"


def _key(of: Asked | _Ban) -> bytes:
    return state_key(of.account_id, of.key_id).encode()


@lru_cache(maxsize=4_096)
def _packed_key(account_id: str, key_id: str) -> bytes:
    return packed(state_key(account_id, key_id).encode())


@lru_cache(maxsize=4_096)
def _packed_number(number: int) -> bytes:
    return packed(b"%d" % number)


@lru_cache(maxsize=4_096)
def _packed_buckets(allowance: Allowance) -> tuple[int, bytes]:
    """What the script is told of an allowance (how many buckets, capacity and window of each), and how many arguments
    a key has in all."""
    numbers = [len(allowance.buckets)]
    for bucket in allowance.buckets:
        numbers += (bucket.capacity, bucket.window_ms)
    return 2 + len(numbers), b"".join([packed(b"%d" % number) for number in numbers])


def _judged(asked: Sequence[Asked], answer: bytes) -> list[tuple[Asked, Judgement]]:
    """The script's answer, 64 bits a number, as one judgement for each key."""
    numbers = struct.unpack(f">{len(answer) // 8}q", answer)
    judged: list[tuple[Asked, Judgement]] = []
    place = 0
    for one in asked:
        end = place + _FIXED_PARTS + len(one.allowance.buckets)
        admitted, banned_until_ms, refused, *_ = numbers[place:end]
        units = numbers[place + _FIXED_PARTS : end]
        judged.append((one, Judgement(one.allowance, one.times, admitted, units, refused, banned_until_ms)))
        place = end
    return judged
