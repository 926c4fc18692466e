"""Usage of an answer that comes as events: OpenAI's chat and responses, Anthropic's messages.

It also says which events a caller did not ask for, and estimates what was streamed to one who left before the usage.
"""

from typing import Any

import orjson

from services.gateway.domain.metering.documents import tokens_in_document
from services.gateway.domain.metering.event_stream import Event
from services.gateway.domain.metering.usage import Fault, tokens_of

BYTES_PER_TOKEN = 4
_ANTHROPIC_PARTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


_OPENAI_DONE = b"[DONE]"
_USAGE = b'"usage"'
"""As a name: inside a text its quotes would be escaped."""
_LAST_TYPES = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed", "error"})


class StreamMeter:
    """Fed with every event in order. Its memory is a handful of numbers, whatever is streamed."""

    def __init__(self, *, hides_usage_event: bool) -> None:
        self._hides_usage_event = hides_usage_event
        self._tokens: int | None = None
        self._fault: Fault | None = None
        self._message_usage: dict[str, Any] = {}
        self._text_bytes = 0
        self.is_ending = False
        """Whether the format's last words have begun: what comes from now on waits for the charge."""

    def see(self, event: Event) -> bool:
        """Whether the event goes on to the caller."""
        if event.data is None:
            self._fault = self._fault or "absurd"
            return True
        try:
            document = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            self.is_ending = self.is_ending or event.data.strip() == _OPENAI_DONE
            return True
        if not isinstance(document, dict):
            return True
        self._text_bytes += _text_length(document)
        is_twice = event.data.count(_USAGE) > 1
        if is_twice and (said := tokens_in_document(event.data))[1] not in (None, "missing"):
            self._count(*said)
        else:
            self._read_usage(document)
        self.is_ending = self.is_ending or _says_the_end(document)
        return not (self._hides_usage_event and _is_extra_usage_event(document))

    @property
    def tokens(self) -> tuple[int | None, Fault | None]:
        """What was reported, None where nothing sensible was; and why it is to be flagged, if it is."""
        return self._tokens, "missing" if self._tokens is None and self._fault is None else self._fault

    @property
    def streamed_tokens(self) -> int:
        """An estimate of the output so far, from the text in it."""
        return -(-self._text_bytes // BYTES_PER_TOKEN)

    def _read_usage(self, document: dict[str, Any]) -> None:
        kind = document.get("type")
        if kind == "message_start" and isinstance(document.get("message"), dict):
            self._read_message_usage(document["message"].get("usage"))
        elif kind == "message_delta":
            self._read_message_usage(document.get("usage"))
        else:
            holder = document.get("response") if isinstance(document.get("response"), dict) else document
            usage = holder.get("usage") if isinstance(holder, dict) else None
            if usage is not None:
                self._count(*tokens_of(usage))

    def _read_message_usage(self, usage: object) -> None:
        """Anthropic's counts are running totals: each later one takes the place of the earlier."""
        if not isinstance(usage, dict):
            self._fault = self._fault or (None if usage is None else "absurd")
            return
        self._message_usage |= {name: usage[name] for name in _ANTHROPIC_PARTS if usage.get(name) is not None}
        tokens, fault = tokens_of(self._message_usage)
        self._fault = self._fault or fault
        if tokens is not None:
            self._tokens = max(tokens, self._tokens or 0)

    def _count(self, tokens: int | None, fault: Fault | None) -> None:
        if fault is None and self._tokens is not None and tokens != self._tokens:
            fault = "doubled"
        self._fault = self._fault or fault
        if tokens is not None:
            self._tokens = max(tokens, self._tokens or 0)


def _says_the_end(document: dict[str, Any]) -> bool:
    if document.get("type") in _LAST_TYPES:
        return True
    delta = document.get("delta")
    if isinstance(delta, dict) and delta.get("stop_reason") is not None:
        return True
    choices = document.get("choices")
    ends = [one for one in choices if isinstance(one, dict)] if isinstance(choices, list) else []
    return any(choice.get("finish_reason") is not None for choice in ends)


def _is_extra_usage_event(document: dict[str, Any]) -> bool:
    """The event that `include_usage` adds: usage, and no choices."""
    return isinstance(document.get("usage"), dict) and document.get("choices") == []


def _text_length(document: dict[str, Any]) -> int:
    return sum(len(text.encode("utf-8", "replace")) for text in _texts(document))


def _texts(document: dict[str, Any]) -> list[str]:
    """Text of one event: `choices[].delta.content` of chat, `delta` of responses, `delta.text` of messages."""
    found: list[object] = []
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            delta = choice.get("delta")
            found.append(choice.get("text"))
            found += delta.values() if isinstance(delta, dict) else []
    delta = document.get("delta")
    found += delta.values() if isinstance(delta, dict) else [delta]
    return [text for text in found if isinstance(text, str)]
