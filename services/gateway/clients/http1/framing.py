"""A request's bytes. The head says how the body is delimited; the body is held to it."""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence

from services.gateway.clients.http1.answer import ExchangeFailed, Header, NotConnected

_LENGTH = b"\r\ncontent-length: "


def opening_of(method: str, target: bytes, headers: Sequence[Header]) -> bytes:
    """The request line and headers as they go out: more may follow, then an empty line. Refuses, as NotConnected, what
    would be read as more lines than are meant."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    opening = b"%b %b HTTP/1.1\r\n%b" % (method.encode("ascii"), target, lines)
    meant = len(headers) + 1
    if opening.count(b"\n") != meant or opening.count(b"\r") != meant or b" " in target or not target:
        raise NotConnected("a head that would be split")
    return opening


def request_head(method: str, target: bytes, headers: Sequence[Header]) -> bytes:
    """The whole head. Raises what `opening_of` does."""
    return opening_of(method, target, headers) + b"\r\n"


def framed(head: bytes, body: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """A streamed body as it goes out: of the length that the head says, else in chunks."""
    _, found, rest = head.lower().partition(_LENGTH)
    return _counted(body, int(rest.partition(b"\r")[0])) if found else _chunked(body)


async def _chunked(body: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    async for piece in body:
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


async def _counted(body: AsyncIterable[bytes], left: int) -> AsyncGenerator[bytes]:
    """Nothing is waited for once the length is reached: the answer may come before the body's end is told."""
    if not left:
        return
    async for piece in body:
        left -= len(piece)
        if left < 0:
            raise ExchangeFailed("a request's body longer than was said")
        if piece:
            yield piece
        if not left:
            return
    raise ExchangeFailed("a request's body shorter than was said")
