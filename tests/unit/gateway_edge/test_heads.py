"""An answer's head, as bytes."""

import pytest

from services.gateway.api.edge.heads import (
    chunk,
    claimed_length,
    header_lines,
    length_line,
    status_line,
)
from services.gateway.domain.forwarding import may_have_body


def test_headers_are_lines_but_those_that_are_the_edges_own() -> None:
    own = [(b"content-length", b"5"), (b"connection", b"x"), (b"transfer-encoding", b"y"), (b"date", b"z")]
    assert header_lines([(b"a", b"1"), *own, (b"x-request-id", b"mine"), (b"b", b"2")]) == b"a: 1\r\nb: 2\r\n"
    assert header_lines(own) == header_lines([]) == b""
    assert claimed_length(own) == b"5" and claimed_length([]) is None


@pytest.mark.parametrize("value", [b"1\r\nx: y", b"1\nx: y", b"1\rx: y", b"1\r\n", b"\0"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_header_that_would_be_two_lines_is_a_mistake(value: bytes, place: int) -> None:
    header = (value, b"v") if place == 0 else (b"n", value)
    with pytest.raises(AssertionError):
        header_lines([(b"a", b"b"), header])


def test_what_an_answer_may_say_of_its_body() -> None:
    assert may_have_body("GET", 200) and may_have_body("POST", 404)
    assert not may_have_body("HEAD", 200) and not may_have_body("GET", 204) and not may_have_body("GET", 304)
    assert length_line(204, b"5") == length_line(200, None) == b""
    assert length_line(304, b"5") == b"content-length: 5\r\n"


def test_statuses_and_chunks() -> None:
    assert status_line(200) == b"HTTP/1.1 200 OK\r\n"
    assert status_line(999) == b"HTTP/1.1 999 \r\n"
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
