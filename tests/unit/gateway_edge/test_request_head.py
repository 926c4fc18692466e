"""Whether a head is the last one again: but for the body's length, to the byte."""

import pytest

from services.gateway.domain.forwarding import Header
from services.gateway.domain.request_head import RequestHead

HEADERS: list[Header] = [(b"host", b"h"), (b"content-length", b"12"), (b"x-api-key", b"k")]


def head_of(headers: list[Header]) -> RequestHead:
    return RequestHead("POST", "1.1", b"/proxy/a?b", raw_path=b"/proxy/a", query=b"b", headers=headers)


@pytest.mark.parametrize("length", [b"12", b"13", b"0"])
def test_a_head_is_the_same_whatever_the_bodys_length(length: bytes) -> None:
    again = [(b"host", b"h"), (b"content-length", length), (b"x-api-key", b"k")]
    assert head_of(HEADERS).is_again("POST", "1.1", b"/proxy/a?b", again)


@pytest.mark.parametrize(
    "other",
    [
        [(b"host", b"h"), (b"content-length", b"12"), (b"x-api-key", b"l")],
        [(b"host", b"h"), (b"x-api-key", b"k"), (b"content-length", b"12")],
        [(b"host", b"h"), (b"content-length", b"12")],
        [(b"host", b"h"), (b"transfer-encoding", b"chunked"), (b"x-api-key", b"k")],
        [*HEADERS, (b"idempotency-key", b"1")],
        [*HEADERS, (b"content-length", b"12")],
        [],
    ],
)
def test_any_other_header_makes_another_head(other: list[Header]) -> None:
    assert not head_of(HEADERS).is_again("POST", "1.1", b"/proxy/a?b", other)
    assert not head_of(other).is_again("POST", "1.1", b"/proxy/a?b", HEADERS)


def test_another_target_method_or_version_makes_another_head() -> None:
    head = head_of(HEADERS)
    assert not head.is_again("PUT", "1.1", b"/proxy/a?b", HEADERS)
    assert not head.is_again("POST", "1.0", b"/proxy/a?b", HEADERS)
    assert not head.is_again("POST", "1.1", b"/proxy/a?c", HEADERS)
