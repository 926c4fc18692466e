"""What could be read in two ways is refused; what can't, passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.one_meaning import (
    is_plain,
    judge_exchange,
    judge_head,
    judge_headers,
    judge_host,
    judge_path,
    judge_request,
)
from shared.errors import DomainError


@pytest.mark.parametrize(
    "path",
    [
        b"//", b"/a//b", b"/./a", b"/a/.", b"/a/../b", b"/..", b"/%2e%2e/a", b"/%2E/a", b"/.%2e/a", b"/a%2fb",
        b"/a%2Fb", b"/a%5cb", b"/a\\b", b"/a%00", b"/a\x00", b"/a b", b"/a\x7f", b"/%c0%af", b"/%c0%ae%c0%ae/",
        b"/%ff", b"/%", b"/%2", b"/%zz", b"", b"a", b"http://evil/",
    ],
)  # fmt: skip
def test_an_ambiguous_path_is_refused(path: bytes) -> None:
    with pytest.raises(DomainError) as refusal:
        judge_path(path)
    assert refusal.value.code == "ambiguous_path"


@pytest.mark.parametrize(
    "path", [b"/", b"/a;b", b"/%252e%252e/", b"/a...b", b"/.well-known/x", b"/caf%C3%A9", b"/a%20b"]
)
def test_a_path_of_one_meaning_passes(path: bytes) -> None:
    judge_path(path)


@given(st.binary(max_size=60))
def test_no_path_raises_anything_else(path: bytes) -> None:
    try:
        judge_path(path)
    except DomainError as refusal:
        assert refusal.code == "ambiguous_path"


@pytest.mark.parametrize("name", [b"content-length", b"content-type", b"host"])
def test_a_header_of_one_value_may_not_stand_twice(name: bytes) -> None:
    with pytest.raises(DomainError):
        judge_headers([(name, b"1"), (name, b"1")])


def test_a_body_has_one_length() -> None:
    with pytest.raises(DomainError):
        judge_headers([(b"content-length", b"1"), (b"transfer-encoding", b"chunked")])


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"identity", b"xchunked", b""])
def test_a_body_is_chunked_and_nothing_else(coding: bytes) -> None:
    judge_headers([(b"transfer-encoding", b"Chunked")])
    with pytest.raises(DomainError):
        judge_headers([(b"transfer-encoding", coding)])


def test_http_1_0_has_no_chunks_and_neither_trace_nor_connect_is_served() -> None:
    chunked = [(b"transfer-encoding", b"chunked")]
    judge_exchange("POST", "1.1", chunked)
    judge_exchange("GET", "1.0", [])
    for method, version, code in (
        ("POST", "1.0", "ambiguous_headers"),
        ("TRACE", "1.1", "method_not_allowed"),
        ("CONNECT", "1.1", "method_not_allowed"),
    ):
        with pytest.raises(DomainError) as refusal:
            judge_exchange(method, version, chunked)
        assert refusal.value.code == code


@pytest.mark.parametrize("host", [b"127.0.0.1:8082", b"localhost", b"[::1]:8082", b"api.example.com", b"127.9.9.9"])
def test_our_hosts_are_served(host: bytes) -> None:
    judge_host([(b"host", host)], {"api.example.com"}, loopback_is_ours=True)


@pytest.mark.parametrize("host", [b"evil.example", b"127.0.0.1.evil.example", b"api.example.com.evil", b"10.0.0.1"])
def test_another_host_is_misdirected(host: bytes) -> None:
    with pytest.raises(DomainError) as refusal:
        judge_host([(b"host", host)], {"api.example.com"}, loopback_is_ours=True)
    assert refusal.value.code == "misdirected_request"


def test_loopback_is_not_ours_in_production() -> None:
    with pytest.raises(DomainError):
        judge_host([(b"host", b"localhost")], {"api.example.com"}, loopback_is_ours=False)


def test_a_head_too_large_is_refused() -> None:
    with pytest.raises(DomainError) as refusal:
        judge_head(b"/" + b"a" * 65_536, b"", [])
    assert refusal.value.code == "uri_too_long"
    with pytest.raises(DomainError) as refusal:
        judge_head(b"/", b"", [(b"x", b"y")] * 1_000)
    assert refusal.value.code == "headers_too_large"


_ODD = st.sampled_from(
    [b"/", b"//", b"/.", b"..", b"%2f", b"%", b"a", b"B", b"~", b"\\", b" ", b"\x7f", b"\xc3\xa4", b";"]
)
_PATHS = st.lists(_ODD, max_size=8).map(b"".join) | st.binary(max_size=20) | st.just(b"/" + b"a" * 8_192)
_NAMES = st.sampled_from([b"host", b"content-length", b"transfer-encoding", b"content-type", b"expect", b"x", b"y"])
_VALUES = st.sampled_from([b"1", b"chunked", b"Chunked", b"gzip, chunked", b""]) | st.just(b"v" * 40_000)
_HEADERS = st.lists(st.tuples(_NAMES, _VALUES), max_size=6) | st.just([(b"n%d" % n, b"") for n in range(201)])


@given(
    method=st.sampled_from(["GET", "POST", "TRACE", "CONNECT"]),
    version=st.sampled_from(["1.0", "1.1"]),
    path=_PATHS,
    query=st.sampled_from([b"", b"a=b", b"q" * 16_385]),
    headers=_HEADERS,
)
def test_what_is_waved_through_as_plain_the_rules_let_through(
    method: str, version: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    refused = None
    try:
        judge_head(path, query, headers)
        judge_exchange(method, version, headers)
    except DomainError as refusal:
        refused = refusal.code
    assert not (refused and is_plain(method, version, path, query, headers, known=dict(headers)))
    if refused is None:
        judge_request(method, version, path, query, headers, known=dict(headers))
        return
    with pytest.raises(DomainError) as raised:
        judge_request(method, version, path, query, headers, known=dict(headers))
    assert raised.value.code == refused


def test_an_ordinary_request_is_plain() -> None:
    headers = [(b"host", b"localhost"), (b"content-length", b"5"), (b"content-type", b"application/json")]
    assert is_plain("POST", "1.1", b"/proxy/demo/v1/chat/completions", b"a=%2f..", headers, known=dict(headers))
    chunked = [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]
    assert is_plain("POST", "1.1", b"/proxy/demo/", b"", chunked, known=dict(chunked))
