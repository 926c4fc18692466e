"""An answer's head as the bytes that go out (RFC 9112, sections 4 to 6). Pure.

The lines that say how a message ends are the edge's alone: whatever an answer says of them is read, never repeated.
"""

from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from services.gateway.use_cases.paid_call.request import Header

CLOSE = b"connection: close\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_OURS = frozenset({b"content-length", b"connection", b"transfer-encoding", b"keep-alive", b"date", b"x-request-id"})
NO_CONTENT = 204


def status_line(status: int) -> bytes:
    return STATUS_LINE.get(status) or b"HTTP/1.1 %d \r\n" % status


def header_lines(headers: Sequence[Header]) -> bytes:
    """The lines of an answer's own headers (names in lower case). AssertionError for one that would be two lines."""
    lines = [b"%b: %b\r\n" % header for header in headers if header[0] not in _OURS]
    block = b"".join(lines)
    assert block.count(b"\n") == block.count(b"\r") == len(lines) and b"\0" not in block, "a header is one line"
    return block


def claimed_length(headers: Sequence[Header]) -> bytes | None:
    """The length that an answer says it has."""
    return next((value for name, value in headers if name == b"content-length"), None)


def length_line(status: int, length: bytes | None) -> bytes:
    """What an answer says of its length; a 204 says nothing (RFC 9110, section 8.6)."""
    return b"" if length is None or status == NO_CONTENT else b"content-length: %b\r\n" % length


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)
