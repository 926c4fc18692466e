"""Usage as it was understood, and how two reports of it are put together."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Literal

MOST_SENSIBLE = 10**9
"""More tokens or units than this in one call is a mistake of the upstream's."""
BYTES_PER_TOKEN = 4
"""Of text, where tokens must be estimated."""


Fault = Literal["missing", "negative", "absurd", "doubled", "cut", "estimated"]
"""Why a report was not taken at its word: none came, or senseless, or several that differ; the answer broke off; or its
end never told what it used, and what was streamed was estimated."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and units of one call; None where nothing sensible was said."""

    tokens: int | None = None
    units: int | None = None
    fault: Fault | None = None

    @property
    def flagged(self) -> bool:
        """Not taken at its word."""
        return self.fault is not None


def count(value: object) -> int | None:
    """A sensible count, or None."""
    if type(value) is not int or not 0 <= value <= MOST_SENSIBLE:
        return None
    return value


def tokens_of(usage: object) -> tuple[int | None, Fault | None]:
    """Tokens of one `usage` object and whether it contradicts itself or makes no sense.

    OpenAI: prompt and completion (chat, embeddings) or input and output (responses), with their total. Anthropic:
    input, output and the two cache counts, which its input does not include.
    """
    if not isinstance(usage, dict):
        return None, None if usage is None else "absurd"
    said = [[usage[name] for name in names if usage.get(name) is not None] for names in _PARTS]
    total = usage.get("total_tokens")
    fault = next((_fault_of(value) for value in (*chain(*said), total) if _fault_of(value)), None)
    if fault is not None:
        return None, fault
    parts = [max(values) for values in said if values]
    if not parts:
        return count(total), None
    summed = sum(parts)
    if total is None or total == summed:
        return count(summed), None if count(summed) is not None else "absurd"
    return max(summed, total), "doubled"


_PARTS = (
    ("prompt_tokens", "input_tokens"),
    ("completion_tokens", "output_tokens"),
    ("cache_creation_input_tokens",),
    ("cache_read_input_tokens",),
)


def _fault_of(value: object) -> Fault | None:
    """Of a count that was said; None of one that was not."""
    if value is None or count(value) is not None:
        return None
    return "negative" if isinstance(value, int | float) and value < 0 else "absurd"


def units_of(values: Iterable[bytes]) -> tuple[int | None, Fault | None]:
    """Units by the `X-Usage-Units` header's values; several that differ: the larger, flagged."""
    said = [value.strip() for value in values]
    counts = [_header_count(text) for text in said]
    sensible = [value for value in counts if value is not None]
    fault: Fault | None = "doubled" if len(set(counts)) > 1 else None
    if None in counts:
        fault = "negative" if any(text.startswith(b"-") for text in said) else "absurd"
    return max(sensible, default=None), fault


def _header_count(text: bytes) -> int | None:
    return count(int(text)) if text.isdigit() and len(text) <= 12 else None
