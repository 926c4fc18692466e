"""The counters of `domain/velocity.py` in Redis, for all processes: one script call for all questions that wait.

Everything here may be lost: `use_cases/rebuild_features.py` makes it anew from PostgreSQL. In Redis lie opaque ids and
digests, no address. What an entity leaves there prunes itself with each payment, and expires a day after the last one,
its days for the model after forty.
"""

import asyncio
import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import ResponseError

from services.fraud.domain.model_features import Day
from services.fraud.domain.velocity import (
    DISTINCT,
    FIGURES,
    NOTHING_READ,
    Entity,
    HistoryReading,
    Kind,
    VelocityEvent,
    VelocityReading,
)
from shared.ids import milliseconds
from shared.script_lines import LinesDown, ScriptLines, packed

_SCRIPT = Path(__file__).with_name("velocity.lua").read_bytes()
_SHA = hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest().encode()
_MOST_AT_ONCE = 8
"""Events of one script call: Redis does nothing else meanwhile, and others wait for it too."""
_MOST_WAITING = 4_096
_DEADLINE_SECONDS = 1.0
"""For Redis, connecting among it; whoever asks waits for less."""
_MOST_VALUE = 40
_TOLD_APART: tuple[Kind, ...] = ("account", "card", "ip", "device")
_NAMES = {kind: packed(kind.encode()) for kind in _TOLD_APART}
_YES, _NO = packed(b"1"), packed(b"0")
_PURGE_PAGE = 1_000
_IN_NO_WINDOW = timedelta(days=2)


class VelocityDown(Exception):
    """Redis did not answer in time; what was asked may count yet."""


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """What the script is asked of one entity: arguments, so many, as they go over the line."""

    key: bytes
    packed: bytes
    arguments: int
    entity: Entity
    has_days: bool
    is_read: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """All questions of an event; the answer is what the script says to each that reads."""

    questions: tuple[_Question, ...]
    answer: "asyncio.Future[dict[Entity, _Said]]"


@dataclass(frozen=True, slots=True)
class _Said:
    figures: tuple[int, ...]
    days: dict[int, Day]


class Velocity:
    """One a process; close it when the process ends. `patience_ms` is how long a question waits for its answer."""

    def __init__(self, redis: Redis, *, patience_ms: int) -> None:
        self._lines = ScriptLines[_Question](redis, _SCRIPT, key_of=_key_of, packed=_command)
        self._patience_seconds = patience_ms / 1_000
        self._waiting: list[_Asked] = []
        self._worker: asyncio.Task[None] | None = None

    async def read_and_count(self, event: VelocityEvent, *, now: datetime) -> tuple[VelocityReading, HistoryReading]:
        """Count a payment, once whoever tells it how often, and read all its counters (itself among them) and the days
        before it (itself not). `now` is business time. Raises VelocityDown."""
        said = await self._ask(event, b"p", now)
        reading = dict(NOTHING_READ)
        for entity, its in said.items():
            reading.update(zip(FIGURES[entity.kind], its.figures, strict=True))
        terminal = event.terminal()
        account = said[Entity("account", event.account)]
        return reading, HistoryReading(account.days, said[terminal].days if terminal else {})

    async def count(self, event: VelocityEvent, *, now: datetime) -> None:
        """Count a payment, once, and read nothing. Raises VelocityDown."""
        await self._ask(event, b"c", now)

    async def count_failure(self, event: VelocityEvent, *, now: datetime) -> None:
        """Count that a payment failed, at `event.at`; once. Raises VelocityDown."""
        await self._ask(event, b"f", now)

    async def count_label(self, event: VelocityEvent, *, is_fraud: bool, now: datetime) -> None:
        """Learn what somebody found out about a payment that was counted; the last word holds. `event` is the payment
        as it was counted. Raises VelocityDown."""
        await self._ask(event, b"l" if is_fraud else b"u", now)

    async def close(self) -> None:
        """Answer what waits, and drop the connections."""
        if self._worker is not None:
            await self._worker
        await self._lines.close()

    async def _ask(self, event: VelocityEvent, what: bytes, now: datetime) -> "dict[Entity, _Said]":
        if len(self._waiting) >= _MOST_WAITING:
            raise VelocityDown("too many wait")
        asked = _Asked(tuple(_questions(event, what, now)), asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work_off(), name="velocity")
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await asked.answer
        except TimeoutError as error:
            raise VelocityDown("no answer in time") from error

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                await self._answer(batch)
        finally:
            self._worker = None

    async def _answer(self, batch: Sequence[_Asked]) -> None:
        """Whoever has stopped waiting is asked for nevertheless: his payment counts."""
        questions = [question for one in batch for question in one.questions]
        try:
            answered = await self._lines.ask(questions, deadline_seconds=_DEADLINE_SECONDS)
        except LinesDown as error:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(VelocityDown(str(error)))
            return
        said = {question: each for its, answer in answered for question, each in _said(its, answer)}
        for one in batch:
            if not one.answer.done():
                one.answer.set_result({each.entity: said[each] for each in one.questions if each.is_read})


async def forget_all(redis: Redis) -> int:
    """Delete every counter, a page at a time; how many keys. On a cluster: those of every node."""
    try:
        slots = await redis.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]
    except ResponseError:
        return await _forget(redis)
    deleted = 0
    for host, port in {(primary[0].decode(), primary[1]) for _, _, primary, *_ in slots}:
        where = {**redis.connection_pool.connection_kwargs, **({"host": host} if host else {}), "port": port}
        async with Redis(connection_pool=ConnectionPool(redis.connection_pool.connection_class, **where)) as node:
            deleted += await _forget(node)
            await node.connection_pool.disconnect()
    return deleted


async def _forget(node: Redis) -> int:
    """Key by key, as they lie in many slots, but all of a page at once."""
    deleted, cursor = 0, None
    while cursor != 0:
        cursor, page = await node.scan(cursor or 0, match="tg:fr:*:velocity*", count=_PURGE_PAGE)
        pipeline = node.pipeline(transaction=False)
        for key in page:
            pipeline.unlink(key)
        deleted += sum(await pipeline.execute())
    return deleted


def key_of(entity: Entity) -> bytes:
    """Where an entity's counters lie; the braces make it one slot. Of a digest 160 bits will do."""
    return f"tg:fr:{{{entity.kind}:{entity.value[:_MOST_VALUE]}}}:velocity".encode()


def _key_of(question: _Question) -> bytes:
    return question.key


def _command(questions: Sequence[_Question]) -> bytes:
    parts = [b"EVALSHA", _SHA, b"%d" % len(questions), *(question.key for question in questions)]
    count = len(parts) + sum(question.arguments for question in questions)
    return b"*%d\r\n%b%b" % (
        count,
        b"".join([packed(part) for part in parts]),
        b"".join([question.packed for question in questions]),
    )


def _questions(event: VelocityEvent, what: bytes, now: datetime) -> Iterator[_Question]:
    """A question for each entity. Labels, and payments that are out of every window, concern those that have days
    only."""
    values = event.values()
    is_for_all = what in b"pf" or (what == b"c" and now - event.at < _IN_NO_WINDOW)
    terminal = event.terminal()
    told = {kind: packed((values[kind] or "").encode()) for kind in _TOLD_APART} if what in b"pc" else {}
    fixed = b"".join(
        [
            packed(what),
            packed(b"%d" % milliseconds(now)),
            packed(b"%d" % milliseconds(event.at)),
            packed(b"%d" % _number(what, event.payment_id)),
            packed(b"%d" % event.amount_usd_minor),
        ]
    )
    for kind, value in values.items():
        has_days = kind == "account" or (terminal is not None and kind == terminal.kind)
        if value is not None and (has_days or is_for_all):
            kinds = [_NAMES[other] + told[other] for other in DISTINCT[kind]] if told else []
            own = (_YES if has_days else _NO) + packed(b"%d" % len(kinds)) + b"".join(kinds)
            entity = Entity(kind, value)
            yield _Question(key_of(entity), fixed + own, 7 + 2 * len(kinds), entity, has_days, what == b"p")


def _number(what: bytes, payment_id: str) -> int:
    """An event as a number: sets of numbers are small in Redis. A payment and its failure are two."""
    digest = hashlib.blake2b(payment_id.encode(), digest_size=8, person=b"failure" if what == b"f" else b"payment")
    return int.from_bytes(digest.digest(), "big") >> 1


def _said(questions: Sequence[_Question], answer: bytes) -> Iterator[tuple[_Question, _Said]]:
    """The script's answer, 64 bits a number, to each question that reads."""
    numbers = iter(struct.unpack(f">{len(answer) // 8}q", answer))
    for question in questions:
        if question.is_read:
            figures = tuple(islice(numbers, len(FIGURES[question.entity.kind])))
            yield question, _Said(figures, dict(_days(numbers)) if question.has_days else {})


def _days(numbers: Iterator[int]) -> Iterator[tuple[int, Day]]:
    for _ in range(next(numbers)):
        day, payments, cents, frauds = islice(numbers, 4)
        yield day, Day(payments, cents, frauds)
