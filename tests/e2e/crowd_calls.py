"""What the callers of a crowd ask for, and what each was told."""

import json
import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.e2e.callers import Customer, millicredits
from tests.e2e.wire import Reply

TOKEN_PRICE = 20
"""Millicredits a token."""
MAX_HOLD = 4
"""Credits: some calls cost more."""
LEAVE_WITHIN = 0.2
_LONG = "words=60 pause_ms=40"


@dataclass(frozen=True)
class Ask:
    """One request. `is_slow`: it takes its upstream much longer than a leaver waits."""

    method: str
    path: str
    body: bytes = b""
    is_slow: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A complete answer, as its caller keeps it. `charged` is what the head said; `tokens` what the body said."""

    request_id: str
    status: int
    code: str
    charged: int | None
    tokens: int | None


@dataclass
class Once:
    """A call that is sent with one Idempotency-Key, in the end until it is known to be paid, unless it never can have
    been. `original` is the ledger's word."""

    name: str
    ask: Ask
    paid: list[Told] = field(default_factory=list)
    original: str | None = None
    was_lost: bool = False
    was_left: bool = False
    may_be_paid: bool = False


@dataclass
class Purse:
    """An account of the crowd, the keys that spend from it, and what its callers were told.

    `once_key` is used by calls with an Idempotency-Key alone, so that usage tells whose a charge is. `agreed` are costs
    on which ledger and usage were seen to agree, by request id.
    """

    customer: Customer
    plain_key: str
    once_key: str
    once_key_id: str
    told: list[Told] = field(default_factory=list)
    onces: list[Once] = field(default_factory=list)
    lost: int = 0
    left: int = 0
    agreed: dict[str, int] = field(default_factory=dict)


class Menu:
    """What is asked for at random; `dice` are the caller's own."""

    def __init__(self, route: str) -> None:
        self._chat = f"/proxy/{route}/v1/chat/completions"

    def plain(self, dice: random.Random) -> Ask:
        at = dice.random()
        if at < 0.40:
            return Ask("GET", "/proxy/echo/crowd")
        if at < 0.50:
            return Ask("GET", f"/proxy/echo/status/{dice.choice((404, 500, 503))}")
        if at < 0.72:
            return self.chat(dice, is_stream=False)
        return self.chat(dice, is_stream=True)

    def once(self, dice: random.Random) -> Ask:
        at = dice.random()
        return Ask("GET", "/proxy/echo/once") if at < 0.4 else self.chat(dice, is_stream=at < 0.7)

    def slow(self, dice: random.Random) -> Ask:
        if dice.random() < 0.5:
            return Ask("GET", "/proxy/echo/delay/600", is_slow=True)
        return self.chat(dice, is_stream=True, words=_LONG, is_slow=True)

    def chat(
        self, dice: random.Random, *, is_stream: bool, words: str = "words=20 pause_ms=1", is_slow: bool = False
    ) -> Ask:
        body: dict[str, Any] = {
            "model": "m",
            "messages": [{"role": "user", "content": f"{words} {dice.randrange(1_000)}"}],
            "max_tokens": 60 if is_slow else dice.randint(1, 32),
        }
        if is_stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return Ask("POST", self._chat, json.dumps(body).encode(), is_slow)


def told(reply: Reply) -> Told:
    """What a complete answer said. A stream that ends well has all of its events."""
    said = reply.headers.get("x-credits-charged")
    charged = None if said is None else millicredits(Decimal(said))
    tokens = None
    if reply.status == 200 and reply.headers.get("content-type", "").startswith("text/event-stream"):
        tokens = _streamed_tokens(reply.body)
    elif reply.status == 200 and b'"usage"' in reply.body:
        tokens = int(reply.json()["usage"]["total_tokens"])
    return Told(reply.request_id, reply.status, reply.code if reply.status >= 400 else "", charged, tokens)


def _streamed_tokens(body: bytes) -> int:
    events = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    assert events[-1:] == [b"[DONE]"], f"a stream ended well without its end: {body[-300:]!r}"
    return int(json.loads(events[-2])["usage"]["total_tokens"])
