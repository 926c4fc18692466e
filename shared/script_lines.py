"""Connections to Redis for what every call of a hot path waits for: many questions in one go, packed by who asks.

redis-py's `Connection` does the handshake, TLS and the protocol; its client, pool and retries are left out, since they
cost more than the commands. Without a cluster all questions go to the one server in one command. On Redis Cluster there
is a connection to each node, and questions go out pipelined, a command for each slot, to the node that has it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.crc import key_slot
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import MovedError, NoScriptError, RedisError, ResponseError

T = TypeVar("T")

Node = tuple[str, int] | None
"""A node's host and port; None is the server that the settings name."""

Answered = list[tuple[Sequence[T], Any]]
"""Questions that went in one command, and what it answered."""

_SLOTS = 16_384
_OWN = {
    "socket_timeout": None,
    "health_check_interval": 0,
    "protocol": 2,
    "maint_notifications_config": None,
    "maint_notifications_pool_handler": None,
}
"""The deadline is the question's; answers are one string each, which the older protocol reads fastest."""


class LinesDown(Exception):
    """Redis did not answer, or not in time. `may_have_run` where commands were sent, so that they may count."""

    def __init__(self, why: str, *, may_have_run: bool) -> None:
        super().__init__(why)
        self.may_have_run = may_have_run


class ScriptLines(Generic[T]):
    """One for each kind of question. `key_of` names a question's key, `packed` makes questions of one slot a command.

    Whoever asks has the lines to himself until he is answered: the next one waits.
    """

    def __init__(
        self, redis: Redis, script: bytes, *, key_of: Callable[[T], bytes], packed: Callable[[Sequence[T]], bytes]
    ) -> None:
        pool = redis.connection_pool
        self._connection_class = pool.connection_class
        self._options: dict[str, Any] = {**pool.connection_kwargs, **_OWN}
        self._load_script = pack(b"SCRIPT", b"LOAD", script)
        self._key_of = key_of
        self._packed = packed
        self._lines: dict[Node, AbstractConnection] = {}
        self._slots: list[Node] | None = None
        self._turn = asyncio.Lock()
        self._was_sent = False

    async def ask(self, questions: Sequence[T], *, deadline_seconds: float) -> Answered[T]:
        """All questions with their answers. Raises LinesDown.

        A kept connection that turns out dead is made anew once: after a restart of Redis all are. An old map of slots
        is read anew once, and a script that Redis has forgotten is told again.
        """
        try:
            async with asyncio.timeout(deadline_seconds), self._turn:
                self._was_sent = False
                return await self._answered(questions)
        except (RedisError, OSError, TimeoutError) as error:
            raise LinesDown(type(error).__name__, may_have_run=self._was_sent) from error

    async def close(self) -> None:
        """Drop all connections; the next question makes them anew."""
        lines, self._lines, self._slots = self._lines, {}, None
        for line in lines.values():
            await line.disconnect(nowait=True)

    async def _answered(self, questions: Sequence[T]) -> Answered[T]:
        answered = await self._exchanged(questions)
        refused = [one for one in answered if isinstance(one[1], ResponseError)]
        if not refused:
            return answered
        await self._mend([refusal for _, refusal in refused])
        again = await self._exchange([question for its, _ in refused for question in its])
        for _, answer in again:
            if isinstance(answer, ResponseError):
                raise answer
        return [one for one in answered if not isinstance(one[1], ResponseError)] + again

    async def _exchanged(self, questions: Sequence[T]) -> Answered[T]:
        if self._lines:
            try:
                return await self._exchange(questions)
            except ConnectionLost:
                self._was_sent = False
        return await self._exchange(questions)

    async def _mend(self, refusals: Iterable[ResponseError]) -> None:
        """Do what makes a second attempt worth it, or raise the refusal that nothing helps against."""
        for refusal in refusals:
            if not isinstance(refusal, MovedError | NoScriptError):
                raise refusal
        await self.close()

    async def _exchange(self, questions: Sequence[T]) -> Answered[T]:
        """Send all, then read all. Whatever goes wrong in between leaves no connection with answers unread."""
        try:
            if not self._lines:
                await self._open()
            sent = await self._by_line(questions)
            self._was_sent = True
            for line, parts in sent:
                await line.send_packed_command([self._packed(part) for part in parts], check_health=False)
            return [(its, await _answer(line)) for line, parts in sent for its in parts]
        except BaseException:
            await self.close()
            raise

    async def _by_line(self, questions: Sequence[T]) -> list[tuple[AbstractConnection, list[Sequence[T]]]]:
        """Which questions go over which connection, parted by slot."""
        if self._slots is None:
            return [(self._lines[None], [questions])]
        by_slot: dict[int, list[T]] = {}
        for question in questions:
            by_slot.setdefault(key_slot(self._key_of(question)), []).append(question)
        by_node: dict[Node, list[Sequence[T]]] = {}
        for slot, its in by_slot.items():
            by_node.setdefault(self._slots[slot], []).append(its)
        return [(await self._line(node), parts) for node, parts in by_node.items()]

    async def _open(self) -> None:
        home = await self._line(None)
        await home.send_packed_command(pack(b"CLUSTER", b"SLOTS"), check_health=False)
        said = await _answer(home)
        self._slots = None if isinstance(said, ResponseError) else _nodes_by_slot(said)

    async def _line(self, node: Node) -> AbstractConnection:
        """The connection to a node; a new one is told the script first."""
        line = self._lines.get(node)
        if line is None:
            where = {} if node is None else {"host": node[0], "port": node[1]}
            line = self._connection_class(**{**self._options, **where})
            await line.connect()  # type: ignore[no-untyped-call]
            self._lines[node] = line
            await line.send_packed_command(self._load_script, check_health=False)
            await _answer(line)
        return line


async def _answer(line: AbstractConnection) -> Any:
    """The next answer; a refusal is one too."""
    try:
        return await line.read_response()
    except ResponseError as refusal:
        return refusal


def _nodes_by_slot(ranges: Iterable[Any]) -> list[Node]:
    """`CLUSTER SLOTS`: the primary of each slot. A node that does not say its host is the one that was asked."""
    nodes: list[Node] = [None] * _SLOTS
    for first, last, primary, *_replicas in ranges:
        host = primary[0].decode() if primary[0] else ""
        nodes[first : last + 1] = [(host, primary[1]) if host not in ("", "?") else None] * (last + 1 - first)
    return nodes


def packed(argument: bytes) -> bytes:
    """One argument of a command in Redis's protocol."""
    return b"$%d\r\n%b\r\n" % (len(argument), argument)


def pack(*arguments: bytes) -> bytes:
    """A command in Redis's protocol."""
    return b"*%d\r\n%b" % (len(arguments), b"".join([packed(one) for one in arguments]))
