import gzip
import json
import tracemalloc
from typing import Any

import pytest

from services.gateway.domain.metering.accept import readable_encodings
from services.gateway.domain.metering.decoding import CannotDecode, Decoder
from services.gateway.domain.metering.documents import tokens_in_document
from services.gateway.domain.metering.requests import read_request
from services.gateway.domain.metering.usage import Fault, tokens_of, units_of
from shared.errors import DomainError


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}, (10, None)),
        ({"prompt_tokens": 8, "total_tokens": 8}, (8, None)),
        ({"input_tokens": 5, "output_tokens": 6, "total_tokens": 11}, (11, None)),
        (
            {
                "input_tokens": 5,
                "output_tokens": 6,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": None,
            },
            (111, None),
        ),
        ({"total_tokens": 4}, (4, None)),
        ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 3}, (10, "doubled")),
        ({"prompt_tokens": -7, "completion_tokens": 3}, (None, "negative")),
        ({"prompt_tokens": 7.5}, (None, "absurd")),
        ({"total_tokens": 10**30}, (None, "absurd")),
        ({"total_tokens": True}, (None, "absurd")),
        ({}, (None, None)),
        ([], (None, "absurd")),
        (None, (None, None)),
    ],
)
def test_usage_is_read_in_both_formats_and_never_below_zero(
    usage: object, expected: tuple[int | None, Fault | None]
) -> None:
    assert tokens_of(usage) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"usage":{"total_tokens":4}}', (4, None)),
        (b'{"response":{"usage":{"input_tokens":4,"output_tokens":1}}}', (5, None)),
        (b'{"usage":{"total_tokens":4},"usage":{"total_tokens":9}}', (9, "doubled")),
        (b'{"usage":{"total_tokens":9},"usage":"none"}', (9, "absurd")),
        (b'{"choices":[{"usage":{"total_tokens":4}}]}', (None, "missing")),
        (b'{"usage":null}', (None, "missing")),
        (b"[]", (None, "missing")),
        (b"", (None, "missing")),
        (b"[" * 200_000, (None, "missing")),
    ],
)
def test_documents(body: bytes, expected: tuple[int | None, Fault | None]) -> None:
    assert tokens_in_document(body) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"7"], (7, None)),
        ([b"7", b"9"], (9, "doubled")),
        ([b"-1"], (None, "negative")),
        ([b"1e9"], (None, "absurd")),
        ([b"9" * 40], (None, "absurd")),
        ([], (None, None)),
    ],
)
def test_units(values: list[bytes], expected: tuple[int | None, Fault | None]) -> None:
    assert units_of(values) == expected


def test_a_bomb_is_undone_in_small_pieces() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    assert sum(len(piece) for piece in Decoder().feed(bomb)) == 50_000_000
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_gzip_members_in_a_row_are_one_body() -> None:
    assert b"".join(Decoder().feed(gzip.compress(b"a") + gzip.compress(b"b"))) == b"ab"
    with pytest.raises(CannotDecode):
        list(Decoder().feed(b"plain"))


def _asked(document: object, path: bytes = b"/v1/chat/completions", route_format: Any = "auto") -> Any:
    return read_request(json.dumps(document).encode(), path=path, route_format=route_format)


def test_include_usage_is_added_and_the_rest_stays_byte_for_byte() -> None:
    body = b' {"stream" : true, "seed": 12345678901234567890, "x": 1.10}'
    asked = read_request(body, path=b"/v1/chat/completions", route_format="openai")
    assert (
        asked.body
        == b' {"stream_options":{"include_usage":true},"stream" : true, "seed": 12345678901234567890, "x": 1.10}'
    )
    assert asked.hides_usage_event and asked.is_stream


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_obfuscation": False}, "odd"])
def test_own_stream_options_are_kept_with_usage_asked(options: object) -> None:
    asked = _asked({"stream": True, "stream_options": options})
    sent = json.loads(asked.body)["stream_options"]
    assert sent["include_usage"] is True and asked.hides_usage_event
    assert ("include_obfuscation" in sent) is (options == {"include_obfuscation": False})


@pytest.mark.parametrize(
    ("document", "path", "route_format"),
    [
        ({"stream": True, "stream_options": {"include_usage": True}}, b"/chat/completions", "auto"),
        ({"stream": False}, b"/chat/completions", "auto"),
        ({"stream": True}, b"/v1/responses", "openai"),
        ({"stream": True}, b"/v1/messages", "auto"),
        ({"stream": True}, b"/chat/completions", "anthropic"),
        ({"stream": True}, b"/chat/completions", "raw"),
    ],
)
def test_nothing_is_added_where_it_is_not_needed(document: object, path: bytes, route_format: Any) -> None:
    asked = _asked(document, path, route_format)
    assert asked.body == json.dumps(document).encode()
    assert not asked.hides_usage_event


def test_bounds_of_a_request() -> None:
    asked = _asked({"messages": [{"role": "user", "content": "w" * 400}], "max_tokens": 50, "n": 2})
    assert asked.estimated_input == 100
    assert 500 < asked.most_tokens < 900
    assert _asked({"messages": []}).most_tokens is None
    assert _asked({"messages": [], "max_tokens": -1}).most_tokens is None
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4_000}}
    seen = _asked({"messages": [{"content": [{"type": "text", "text": "what?"}, picture]}], "max_tokens": 5})
    assert seen.most_tokens is None and seen.estimated_input < 10
    assert read_request(b"not json", path=b"/x", route_format="auto").most_tokens is None


def test_a_bound_that_the_endpoint_does_not_know_bounds_nothing() -> None:
    assert _asked({"messages": [], "max_output_tokens": 1}).most_tokens is None
    assert _asked({"input": "x", "max_tokens": 1}, b"/v1/responses").most_tokens is None
    assert _asked({"input": "x", "max_output_tokens": 1}, b"/v1/%72esponses/").most_tokens < 1_000
    both = _asked({"messages": [], "max_completion_tokens": 1, "max_tokens": 5_000})
    assert both.most_tokens > 5_000
    assert _asked({"messages": [], "max_completion_tokens": 1, "max_tokens": 0.5}).most_tokens is None


def test_what_is_spelled_in_escapes_is_still_seen() -> None:
    hidden = b'{"messages":[{"content":[{"type":"im\\u0061ge_url"}]}],"max_tokens":1}'
    assert read_request(hidden, path=b"/v1/chat/completions", route_format="auto").most_tokens is None
    plain = b'{"messages":[{"content":"\\u00e9"}],"max_tokens":1}'
    assert read_request(plain, path=b"/v1/chat/completions", route_format="auto").most_tokens is not None


def test_what_an_upstream_may_read_is_read_here_or_refused() -> None:
    long = b'{"stream":true,"seed":' + b"9" * 5_000 + b',"messages":[]}'
    assert read_request(long, path=b"/v1/chat/completions", route_format="auto").hides_usage_event
    wide = '{"messages":[{"type":"image_url"}],"max_tokens":1}'.encode("utf-16")
    assert read_request(wide, path=b"/v1/chat/completions", route_format="auto").most_tokens is None
    deep = b'{"stream":true,"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    with pytest.raises(DomainError, match="malformed_json"):
        read_request(deep, path=b"/v1/chat/completions", route_format="auto")


@pytest.mark.parametrize("path", [b"/v1/chat/completion%73", b"/v1/chat/Completions/", b"/v1/chat/completions;v=1"])
def test_usage_is_asked_for_however_the_path_is_spelled(path: bytes) -> None:
    assert _asked({"messages": [], "stream": True}, path).hides_usage_event
    assert _asked({"messages": [], "stream": "true"}, path).hides_usage_event


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"br, gzip;q=0.5"], b"gzip"),
        ([b"*"], b"gzip"),
        ([b"gzip;q=0"], b"identity"),
        ([b"br"], b"identity"),
        ([], b"identity"),
    ],
)
def test_only_readable_codings_are_asked_for(values: list[bytes], expected: bytes) -> None:
    assert readable_encodings(values, is_stream=False) == expected
    assert readable_encodings(values, is_stream=True) == b"identity"
