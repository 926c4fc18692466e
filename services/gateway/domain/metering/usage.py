"""Usage as it was understood, and how two reports of it are put together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MOST_SENSIBLE = 10**9
"""More tokens or units than this in one call is a mistake of the upstream's."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and units of one call; None where nothing sensible was said. `flagged`: not taken at its word."""

    tokens: int | None = None
    units: int | None = None
    flagged: bool = False


def count(value: object) -> int | None:
    """A sensible count, or None."""
    if type(value) is not int or not 0 <= value <= MOST_SENSIBLE:
        return None
    return value


def tokens_of(usage: object) -> tuple[int | None, bool]:
    """Tokens of one `usage` object and whether it contradicts itself or makes no sense.

    OpenAI: prompt and completion (chat, embeddings) or input and output (responses), with their total. Anthropic:
    input, output and the two cache counts, which its input does not include.
    """
    if not isinstance(usage, dict):
        return None, usage is not None
    parts = [_part(usage, names) for names in _PARTS]
    total = usage.get("total_tokens")
    if any(part == _SENSELESS for part in parts) or (total is not None and count(total) is None):
        return None, True
    said = [part for part in parts if part is not None]
    if not said:
        return count(total), False
    summed = sum(said)
    if total is None or total == summed:
        return count(summed), False
    return max(summed, total), True


_SENSELESS = -1
_PARTS = (
    ("prompt_tokens", "input_tokens"),
    ("completion_tokens", "output_tokens"),
    ("cache_creation_input_tokens",),
    ("cache_read_input_tokens",),
)


def _part(usage: dict[str, Any], names: Iterable[str]) -> int | None:
    said = [usage[name] for name in names if usage.get(name) is not None]
    if not said:
        return None
    counts = [count(value) for value in said]
    return _SENSELESS if None in counts else max(value for value in counts if value is not None)


def units_of(values: Iterable[bytes]) -> tuple[int | None, bool]:
    """Units by the `X-Usage-Units` header's values; several that differ: the larger, flagged."""
    counts = [_header_count(value) for value in values]
    sensible = [value for value in counts if value is not None]
    return max(sensible, default=None), len(set(counts)) > 1 or None in counts


def _header_count(value: bytes) -> int | None:
    text = value.strip()
    return count(int(text)) if text.isdigit() and len(text) <= 12 else None
