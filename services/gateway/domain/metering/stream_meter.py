"""Usage of an answer that comes as events: OpenAI's chat and responses, Anthropic's messages.

It also says which events a caller did not ask for, and estimates what was streamed to one who left before the usage.
"""

import re
from typing import Any

import orjson

from services.gateway.domain.metering.documents import tokens_in_document
from services.gateway.domain.metering.event_stream import Event
from services.gateway.domain.metering.generated_text import text_bytes
from services.gateway.domain.metering.passing_usage import PassingUsage
from services.gateway.domain.metering.usage import BYTES_PER_TOKEN, Fault, tokens_of

_ANTHROPIC_PARTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_OPENAI_DONE = b"[DONE]"
_USAGE = b'"usage"'
"""As a name: inside a text its quotes would be escaped."""
_LAST_TYPES = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed", "error"})
_MOST_CHOICES = 1_024


class StreamMeter:
    """Fed with every event in order. Its memory is a handful of numbers, whatever is streamed. `choices` is how many
    answers the request asked for."""

    def __init__(self, *, hides_usage_event: bool, choices: int = 1) -> None:
        self._hides_usage_event = hides_usage_event
        self._choices = choices
        self._tokens: int | None = None
        self._fault: Fault | None = None
        self._message_usage: dict[str, Any] = {}
        self._text_bytes = 0
        self._open_choices: set[int] = set()
        self._ended_choices: set[int] = set()
        self._has_said_its_last = False
        self._oversized: _Oversized | None = None
        self.is_final = False
        """Whether what was reported is the whole answer's: no running total, and no text has come since."""

    @property
    def is_ending(self) -> bool:
        """Whether the format's last words have begun: what comes from now on waits for the charge. Text after them
        takes that back."""
        return self._has_said_its_last or (
            len(self._ended_choices) >= self._choices and bool(self._ended_choices) and not self._open_choices
        )

    def see(self, event: Event) -> bool:
        """Whether the event goes on to the caller."""
        if event.data is None:
            self._see_part(event)
            return True
        try:
            document = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            self._has_said_its_last = self._has_said_its_last or event.data.strip() == _OPENAI_DONE
            return True
        if type(document) is not dict:
            return True
        length = text_bytes(document)
        if length:
            self._see_text(length)
        choices = document.get("choices")
        if choices and type(choices) is list:
            self._see_choices(choices)
        is_extra = choices == [] and type(document.get("usage")) is dict
        self._has_said_its_last = self._has_said_its_last or is_extra or _says_the_end(document)
        if _USAGE in event.data:
            self._see_usage(document, event.data, is_running=length > 0 and not self.is_ending)
        return not (self._hides_usage_event and is_extra)

    @property
    def tokens(self) -> tuple[int | None, Fault | None]:
        """What was reported, None where nothing sensible was; and why it is to be flagged, if it is."""
        return self._tokens, "missing" if self._tokens is None and self._fault is None else self._fault

    @property
    def streamed_tokens(self) -> int:
        """An estimate of the output so far, from the text in it."""
        return -(-self._text_bytes // BYTES_PER_TOKEN)

    def _see_text(self, length: int) -> None:
        self._text_bytes += length
        self.is_final = self._has_said_its_last = False

    def _see_choices(self, choices: list[Any]) -> None:
        """Each of several answers ends for itself. Some upstreams give every chunk an empty reason to end."""
        for choice in choices:
            if type(choice) is not dict:
                continue
            index = choice.get("index")
            if type(index) is not int:
                index = 0
            if choice.get("finish_reason"):
                self._open_choices.discard(index)
                if len(self._ended_choices) < _MOST_CHOICES:
                    self._ended_choices.add(index)
            elif (
                index not in self._open_choices
                and index not in self._ended_choices
                and len(self._open_choices) < _MOST_CHOICES
            ):
                self._open_choices.add(index)

    def _see_usage(self, document: dict[str, Any], data: bytes, *, is_running: bool) -> None:
        kind = document.get("type")
        if data.count(_USAGE) > 1 and (said := tokens_in_document(data))[1] not in (None, "missing"):
            has_come = self._count(*said)
        elif kind == "message_start" and type(document.get("message")) is dict:
            has_come = self._count_message(document["message"].get("usage"))
        elif kind == "message_delta":
            has_come = self._count_message(document.get("usage"))
        else:
            response = document.get("response")
            usage = (response if type(response) is dict else document).get("usage")
            has_come = usage is not None and self._count(*tokens_of(usage))
        if has_come and kind != "message_start":
            self.is_final = not is_running

    def _count_message(self, usage: object) -> bool:
        """Anthropic's counts are running totals: each later one takes the place of the earlier. Whether the output's
        was said."""
        if not isinstance(usage, dict):
            self._fault = self._fault or (None if usage is None else "absurd")
            return False
        self._message_usage |= {name: usage[name] for name in _ANTHROPIC_PARTS if usage.get(name) is not None}
        tokens, fault = tokens_of(self._message_usage)
        self._fault = self._fault or fault
        if tokens is None:
            return False
        self._tokens = max(tokens, self._tokens or 0)
        return usage.get("output_tokens") is not None

    def _count(self, tokens: int | None, fault: Fault | None) -> bool:
        """Whether something sensible was said. A total that has grown with the text since is no contradiction."""
        differs = self._tokens is not None and tokens != self._tokens
        if fault is None and differs and (self.is_final or (tokens or 0) < (self._tokens or 0)):
            fault = "doubled"
        self._fault = self._fault or fault
        if tokens is None:
            return False
        self._tokens = max(tokens, self._tokens or 0)
        return True

    def _see_part(self, event: Event) -> None:
        """A part of an event that is too long to be looked into whole: its usage is found as it passes, and is the
        answer's unless the event bears text."""
        part = self._oversized = self._oversized or _Oversized(event.raw)
        part.usage.feed(event.raw)
        if part.bears_text:
            self._see_text(len(event.raw))
        if not event.ends:
            return
        self._oversized = None
        tokens, fault = part.usage.tokens
        has_come = tokens is not None and self._count(tokens, fault)
        self._fault = self._fault or (None if has_come else "absurd")
        if part.is_last or (has_come and part.may_be_last):
            self.is_final, self._has_said_its_last = has_come, True


class _Oversized:
    """What the beginning of an event tells of it."""

    _KIND = re.compile(rb'(?:event: ?|"type"\s*:\s*")([a-z_.]+)')
    _TEXT = re.compile(rb'"(?:delta|choices|content_block)"\s*:')
    _BEGINNING = 1_024

    def __init__(self, raw: bytes) -> None:
        beginning = raw[: self._BEGINNING]
        kind = self._KIND.search(beginning)
        self._name = kind[1].decode() if kind is not None else ""
        self.is_last = self._name in _LAST_TYPES
        self.bears_text = not self.is_last and self._TEXT.search(beginning) is not None
        self.may_be_last = not self.bears_text and self._name != "message_start"
        self.usage = PassingUsage()


def _says_the_end(document: dict[str, Any]) -> bool:
    kind = document.get("type")
    if type(kind) is str and kind in _LAST_TYPES:
        return True
    delta = document.get("delta")
    return type(delta) is dict and delta.get("stop_reason") is not None
