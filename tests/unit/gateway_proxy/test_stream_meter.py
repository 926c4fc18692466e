"""What a stream of events used, and when its last words have begun."""

import json
from typing import Any

import pytest

from services.gateway.domain.metering.event_stream import Event, EventCutter
from services.gateway.domain.metering.stream_meter import StreamMeter
from services.gateway.domain.metering.usage import Fault


def _stream(*documents: Any, hides: bool = False, choices: int = 1) -> tuple[StreamMeter, list[bool]]:
    meter = StreamMeter(hides_usage_event=hides, choices=choices)
    return meter, [meter.see(Event(b"", json.dumps(document).encode())) for document in documents]


def test_a_streams_usage_event_is_counted_and_hidden_from_who_did_not_ask() -> None:
    delta = {"choices": [{"delta": {"content": "abcdefgh"}}]}
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    usage = {"choices": [], "usage": {"total_tokens": 12}}
    meter, shown = _stream(delta, end, usage, hides=True)
    assert (meter.tokens, shown) == ((12, None), [True, True, False])
    assert _stream(delta, end, usage)[1] == [True, True, True]
    assert meter.streamed_tokens == 2


def test_usage_that_is_said_twice_differently_is_flagged_and_the_larger() -> None:
    meter, _ = _stream({"usage": {"total_tokens": 12}}, {"usage": {"total_tokens": 5}})
    assert meter.tokens == (12, "doubled")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"usage":{"total_tokens":12},"usage":{"total_tokens":5}}', (12, "doubled")),
        (b'{"usage":{"total_tokens":12},"usage":{"total_tokens":12}}', (12, None)),
        (b'{"response":{"usage":{"total_tokens":12},"usage":{"total_tokens":-5}}}', (12, "negative")),
        (b'{"usage":{"total_tokens":12},"choices":[{"usage":{"total_tokens":5}}]}', (12, None)),
    ],
)
def test_usage_twice_in_one_event_counts_as_in_a_document(
    data: bytes, expected: tuple[int | None, Fault | None]
) -> None:
    meter = StreamMeter(hides_usage_event=False)
    assert meter.see(Event(b"", data))
    assert meter.tokens == expected


def test_anthropics_running_totals_are_one_report() -> None:
    meter, _ = _stream(
        {"type": "message_start", "message": {"usage": {"input_tokens": 20, "output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "four"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )
    assert meter.tokens == (29, None)
    assert meter.is_ending


def test_openais_responses_end_with_their_usage() -> None:
    meter, _ = _stream({"type": "response.output_text.delta", "delta": "four"})
    assert not meter.is_ending and meter.streamed_tokens == 1
    meter, _ = _stream({"type": "response.completed", "response": {"usage": {"input_tokens": 2, "output_tokens": 3}}})
    assert meter.is_ending and meter.tokens == (5, None)


def test_a_stream_without_usage_is_flagged() -> None:
    meter, _ = _stream({"choices": []})
    assert meter.tokens == (None, "missing")


TEXT = {"choices": [{"index": 0, "delta": {"content": "four"}}]}
START = {"type": "message_start", "message": {"usage": {"input_tokens": 20, "output_tokens": 1}}}
BLOCK = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "four"}}


@pytest.mark.parametrize(
    ("documents", "is_final"),
    [
        ([START], False),
        ([START, BLOCK], False),
        ([START, BLOCK, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}], False),
        ([START, BLOCK, {"type": "message_delta", "delta": {}, "usage": {}}], False),
        ([START, BLOCK, {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9}}], True),
        ([TEXT, {"choices": [], "usage": {"total_tokens": 12}}], True),
        ([TEXT | {"usage": {"total_tokens": 12}}], False),
        ([{"choices": [{"delta": {"content": ""}}], "usage": {"total_tokens": 11}}, TEXT], False),
        (
            [{"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}], "usage": {"total_tokens": 12}}],
            True,
        ),
        ([{"type": "response.in_progress", "response": {"usage": None}}], False),
        ([{"type": "response.completed", "response": {"usage": {"total_tokens": 12}}}], True),
    ],
)
def test_usage_is_final_only_where_it_is_the_whole_answers(documents: list[Any], is_final: bool) -> None:
    assert _stream(*documents)[0].is_final is is_final


def test_totals_that_grow_with_the_text_are_no_contradiction() -> None:
    meter, _ = _stream(*(TEXT | {"usage": {"total_tokens": total}} for total in (11, 12, 13)))
    assert meter.tokens == (13, None)


def _tool(call: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


@pytest.mark.parametrize(
    "document",
    [
        TEXT,
        BLOCK,
        {"choices": [{"text": "four"}]},
        {"choices": [{"delta": {"refusal": "four"}}]},
        {"choices": [{"delta": {"role": "assistant", "reasoning_content": "four"}}]},
        {"choices": [{"delta": {"reasoning": "four", "reasoning_content": "four", "reasoning_details": ["four"]}}]},
        {"choices": [{"delta": {"reasoning_details": [{"type": "reasoning.text", "text": "four"}]}}]},
        {"choices": [{"delta": {"content": [{"type": "text", "text": "fo"}, {"type": "text", "text": "ur"}]}}]},
        {"choices": [{"delta": {"audio": {"id": "audio_1", "transcript": "four", "data": "A" * 400}}}]},
        {"choices": [{"delta": {"function_call": {"arguments": "four"}}}]},
        _tool({"index": 0, "id": "call_123456", "type": "function", "function": {"arguments": "four"}}),
        _tool({"index": 0, "function": {"name": "fo", "arguments": "ur"}}),
        _tool({"custom": {"input": "four"}}),
        {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "four"}},
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "four"}},
        {"type": "content_block_start", "content_block": {"type": "text", "text": "four"}},
        {"type": "content_block_start", "content_block": {"type": "tool_use", "id": "toolu_1", "input": {"a": "four"}}},
        {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": "four"},
        {"type": "response.audio_transcript.delta", "delta": "four", "obfuscation": "abcdef"},
        {"type": "response.refusal.delta", "delta": "four"},
        {"type": "response.reasoning_summary_text.delta", "delta": "four"},
        {"choices": [{"delta": {"content": "\u00e9\u00e9"}}]},
    ],
)
def test_all_that_is_generated_counts_once(document: Any) -> None:
    meter, _ = _stream(document)
    assert meter._text_bytes == 4
    assert meter.streamed_tokens == 1


@pytest.mark.parametrize(
    "document",
    [
        {"type": "response.output_text.done", "text": "four"},
        {"type": "response.completed", "response": {"output": [{"content": [{"text": "four"}]}]}},
        {"type": "response.audio.delta", "delta": "QUJD"},
        {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "QUJD"}},
        {"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"}},
        {"choices": [{"delta": None, "text": 7}, None, "x"], "delta": 7, "content_block": "x"},
        {"type": [], "delta": []},
    ],
)
def test_what_was_said_before_or_is_no_text_counts_nothing(document: Any) -> None:
    assert _stream(document)[0].streamed_tokens == 0


def _choice(index: int, *, ends: bool = False) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {"content": "x"}, "finish_reason": "stop" if ends else None}]}


def _endings(*documents: Any, choices: int = 1) -> list[bool]:
    meter = StreamMeter(hides_usage_event=False, choices=choices)
    return [(meter.see(Event(b"", json.dumps(one).encode())), meter.is_ending)[1] for one in documents]


def test_one_of_two_answers_ends_without_ending_the_stream() -> None:
    stream = (_choice(0), _choice(1), _choice(0, ends=True), _choice(1), _choice(1, ends=True))
    assert _endings(*stream) == [False, False, False, False, True]


def test_an_answer_that_has_not_begun_is_waited_for() -> None:
    stream = (_choice(0), _choice(0, ends=True), _choice(1), _choice(1, ends=True))
    assert _endings(*stream, choices=2) == [False, False, False, True]
    assert _endings(*stream) == [False, True, False, True], "one was asked for: the second one takes the end back"


def test_the_usage_event_ends_a_stream_whatever_is_open() -> None:
    assert _endings(_choice(0), _choice(1), {"choices": [], "usage": {"total_tokens": 1}}) == [False, False, True]
    assert _endings({"choices": [], "usage": None}, {"choices": [{"delta": {}, "finish_reason": ""}]}) == [False] * 2


def _seen(stream: bytes, piece: int = 60_000) -> tuple[StreamMeter, list[tuple[int, bool]]]:
    """The meter, and of each part its length and whether it has to wait."""
    cutter, meter, parts = EventCutter(), StreamMeter(hides_usage_event=False), []
    for start in range(0, len(stream), piece):
        for event in cutter.feed(stream[start : start + piece]):
            meter.see(event)
            parts.append((len(event.raw), meter.is_ending))
    return meter, parts


def _completed(
    size: int, usage: str = '{"input_tokens": 1000, "output_tokens": 99000, "total_tokens": 100000}'
) -> bytes:
    output = f'[{{"type": "image_generation_call", "result": "{"A" * size}"}}]'
    said = f'{{"type": "response.completed", "response": {{"output": {output}, "usage": {usage}, "metadata": {{}}}}}}'
    return f"event: response.completed\ndata: {said}\n\n".encode()


@pytest.mark.parametrize("size", [1_300_000, 3_000_000, (1 << 20) - 200])
def test_usage_of_an_event_too_long_to_be_read_is_found_and_its_end_waits(size: int) -> None:
    meter, parts = _seen(_completed(size))
    assert meter.tokens == (100_000, None) and meter.is_final
    assert [waits for _, waits in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1][0] > 60_000


def test_a_long_last_event_without_usage_waits_too_and_is_flagged() -> None:
    meter, parts = _seen(_completed(1_300_000, "null"))
    assert meter.tokens == (None, "absurd") and not meter.is_final
    assert parts[-1][1]


def test_a_long_event_of_text_counts_as_it_passes() -> None:
    long = b'data: {"choices": [{"index": 0, "delta": {"content": "' + b"x" * 2_000_000 + b'"}}]}\n\n'
    meter, parts = _seen(long)
    assert 500_000 <= meter.streamed_tokens < 500_100
    assert not any(waits for _, waits in parts)
    picture = b'data: {"type": "response.image_generation_call.partial_image", "b64": "' + b"x" * 2_000_000 + b'"}\n\n'
    assert _seen(picture)[0].streamed_tokens == 0
