"""What the stand-in says, and what it counts as.

A token is a run of at most 8 letters or digits, or one other sign; spaces belong to the token after them. The reply
follows from the prompt alone, so the same prompt always costs the same, streamed or not. A prompt may ask for more:
`words=200` makes the reply that long, `pause_ms=50` lets that much time pass before each streamed token.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

_TOKEN = re.compile(r"\s*(?:\w{1,8}|[^\w\s])|\s+\Z")
_WORDS_ASKED = re.compile(r"\bwords=(\d{1,5})\b")
_PAUSE_ASKED = re.compile(r"\bpause_ms=(\d{1,4})\b")
# fmt: off
_VOCABULARY = (
    "a", "bridge", "carries", "each", "honest", "cart", "across", "clear", "water", "toward", "every",
    "market", "where", "bread", "grain", "iron", "salt", "silk", "and", "wool", "are", "weighed",
    "while", "the", "keeper", "counts", "small", "coins", "under", "his", "lamp",
)
# fmt: on

TOKENS_PER_MESSAGE = 4
TOKENS_PER_PROMPT = 3
SHORTEST_REPLY = 12
REPLY_SPREAD = 20
MOST_WORDS = 20_000
MOST_PAUSE_MS = 2_000


@dataclass(frozen=True)
class Reply:
    """Tokens whose text, joined, is the reply. `was_cut`: the caller's bound on tokens ended it; else `stopped_by`
    may have."""

    tokens: tuple[str, ...]
    was_cut: bool
    stopped_by: str | None
    pause_seconds: float

    @property
    def text(self) -> str:
        return "".join(self.tokens)


def count_tokens(text: str) -> int:
    """How many tokens a text is."""
    return sum(1 for _ in _TOKEN.finditer(text))


def count_prompt(texts: Iterable[str]) -> int:
    """What a list of messages counts as."""
    return TOKENS_PER_PROMPT + sum(TOKENS_PER_MESSAGE + count_tokens(text) for text in texts)


def reply_to(prompt: str, *, most_tokens: int | None, stops: Iterable[str] = (), variant: int = 0) -> Reply:
    """The reply to a prompt, ended before the first of `stops` and after `most_tokens`."""
    text, stopped_by = _before_first(_sentence(prompt, variant), stops)
    tokens = tuple(match.group() for match in _TOKEN.finditer(text))
    was_cut = most_tokens is not None and len(tokens) > most_tokens
    asked = _PAUSE_ASKED.search(prompt)
    pause_ms = min(int(asked.group(1)), MOST_PAUSE_MS) if asked else 0
    if was_cut:
        return Reply(tokens[:most_tokens], was_cut, None, pause_ms / 1000)
    return Reply(tokens, was_cut, stopped_by, pause_ms / 1000)


def _before_first(text: str, stops: Iterable[str]) -> tuple[str, str | None]:
    """What stands before the earliest of `stops`, and which one that was."""
    found = [(text.index(stop), stop) for stop in stops if stop and stop in text]
    if not found:
        return text, None
    place, stop = min(found)
    return text[:place], stop


def _sentence(prompt: str, variant: int) -> str:
    """Words drawn by the prompt's digest; one word is one token."""
    seed = hashlib.sha256(f"{variant}:{prompt}".encode(errors="replace")).digest()
    asked = _WORDS_ASKED.search(prompt)
    length = min(int(asked.group(1)), MOST_WORDS) if asked else SHORTEST_REPLY + seed[0] % REPLY_SPREAD
    noise = hashlib.shake_256(seed).digest(length)
    words = [_VOCABULARY[byte % len(_VOCABULARY)] for byte in noise]
    return " ".join(words).capitalize() + "." if words else ""
