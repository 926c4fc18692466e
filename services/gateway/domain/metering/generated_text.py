"""How much of an event was generated: its texts, wherever a format puts them.

Everything under a `delta` counts that is not known for something else: answers, refusals, reasoning, the arguments of
tools, transcripts, and names that are made up tomorrow. An event is at most a mebibyte, so is the walk through it.
"""

from typing import Any

_PASSED_OVER: dict[str, tuple[str, ...]] = dict.fromkeys(
    (
        *("type", "role", "id", "object", "status", "model", "format", "signature", "obfuscation"),
        *("finish_reason", "stop_reason", "stop_sequence", "container"),
        *("data", "encrypted_content", "b64_json", "annotations", "citation", "citations"),
    ),
    (),
) | {"reasoning": ("reasoning_content",), "reasoning_details": ("reasoning_content", "reasoning")}
"""What is no generated text, or is the same text again where one of the names beside it is said too."""

_OF_A_BLOCK = ("text", "thinking", "input")
_DATA_EVENTS = frozenset({"response.audio.delta", "response.output_audio.delta"})


def text_bytes(document: dict[str, Any]) -> int:
    """Bytes of UTF-8: of `choices[].delta` and `.text` (OpenAI's completions), of `delta` (its responses, where it is
    the text itself, and Anthropic's messages), and of what a content block starts with."""
    total = 0
    choices = document.get("choices")
    if type(choices) is list:
        for choice in choices:
            if type(choice) is dict:
                total += _length(choice.get("delta")) + _length(choice.get("text"))
    delta = document.get("delta")
    if delta is not None and not _bears_data(document.get("type")):
        total += _length(delta)
    block = document.get("content_block")
    if type(block) is dict:
        total += sum(_length(block.get(name)) for name in _OF_A_BLOCK)
    return total


def _bears_data(kind: object) -> bool:
    return type(kind) is str and kind in _DATA_EVENTS


def _length(value: object) -> int:
    if type(value) is str:
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if not value or (type(value) is not dict and type(value) is not list):
        return 0
    total = 0
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        for inner in _said(one) if type(one) is dict else one:
            if type(inner) is str:
                total += len(inner) if inner.isascii() else len(inner.encode("utf-8", "replace"))
            elif type(inner) is dict or type(inner) is list:
                waiting.append(inner)
    return total


def _said(one: dict[str, Any]) -> list[Any]:
    """The values of names that bear generated text."""
    return [
        value
        for name, value in one.items()
        if value
        and ((beside := _PASSED_OVER.get(name)) is None or (beside and not any(one.get(other) for other in beside)))
    ]
