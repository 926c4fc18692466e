"""Usage that is found in bodies of any size, in little memory."""

import gzip
import json
import tracemalloc

import pytest

from services.gateway.domain.metering.coded_body import MOST_WHOLE, CodedBody
from services.gateway.domain.metering.passing_usage import PassingUsage

USAGE = b'"usage": {"prompt_tokens": 40, "completion_tokens": 0, "total_tokens": 40}'


def passed(text: bytes, piece: int) -> PassingUsage:
    passing = PassingUsage()
    for start in range(0, len(text), piece):
        passing.feed(text[start : start + piece])
    return passing


@pytest.mark.parametrize("piece", [1, 7, 64, 1_000, 100_000])
@pytest.mark.parametrize(
    "text",
    [
        b'{"data": "' + b"x" * 20_000 + b'", ' + USAGE + b"}",
        b"{" + USAGE + b', "data": "' + b"x" * 20_000 + b'"}',
        b'{"object": "usage", ' + USAGE + b', "data": ["usage", "x"], "usages": {"total_tokens": 9}}',
        b'{"inner": {"usage": {"total_tokens": 9}}, ' + USAGE.replace(b": {", b" :\n {") + b"}",
    ],
)
def test_usage_is_found_wherever_it_passes(text: bytes, piece: int) -> None:
    assert passed(text, piece).tokens == (40, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"no such thing", (None, "missing")),
        (b'{"usage": null}', (None, "missing")),
        (b'{"usage": {"total_tokens": 4', (None, "missing")),
        (b'{"usage": {}}', (None, "missing")),
        (b'{"usage": {"total_tokens": -4}}', (None, "negative")),
        (b'{"usage": ' + b'{"a":' * 5_000, (None, "missing")),
    ],
)
def test_what_is_no_usage_is_none(text: bytes, expected: object) -> None:
    assert passed(text, 10_000).tokens == expected


def decoded(body: bytes, piece: int = 65_536) -> CodedBody:
    coded = CodedBody()
    for start in range(0, len(body), piece):
        for _ in coded.feed(body[start : start + piece]):
            pass
    return coded


def document(size: int) -> bytes:
    return json.dumps({"data": "x" * size}).encode()[:-1] + b", " + USAGE + b"}"


@pytest.mark.parametrize("size", [10, MOST_WHOLE - 20, MOST_WHOLE + 1, 34_000_000])
def test_a_compressed_answer_of_any_size_is_metered(size: int) -> None:
    assert decoded(gzip.compress(document(size), 6)).tokens == (40, None)


def test_little_of_a_long_answer_is_kept() -> None:
    body = gzip.compress(document(60_000_000), 6)
    tracemalloc.start()
    assert decoded(body).tokens == (40, None)
    assert tracemalloc.get_traced_memory()[1] < 3 * MOST_WHOLE
    tracemalloc.stop()


def test_others_may_run_while_a_long_answer_is_decoded() -> None:
    assert sum(1 for _ in CodedBody().feed(gzip.compress(bytes(20 << 20)))) == 20


def test_a_bomb_is_decoded_no_further_and_estimated() -> None:
    bomb = gzip.compress(bytes(80_000_000), 9)
    assert len(bomb) * 500 < 80_000_000
    coded = decoded(bomb)
    assert coded.decoded_bytes < 70_000_000
    assert coded.tokens == (coded.decoded_bytes // 4, "estimated")


def test_what_is_not_what_it_says_has_no_usage() -> None:
    assert decoded(b"plain").tokens == (None, "missing")
    assert decoded(gzip.compress(document(100))[:-30]).tokens == (None, "missing")
