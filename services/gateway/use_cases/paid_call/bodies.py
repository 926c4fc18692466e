"""Heads and bodies of answers, whichever way they are paid."""

from collections.abc import AsyncGenerator, Sequence

from services.gateway.clients.upstream import UpstreamFailed
from services.gateway.domain.forwarding import Header, first, is_bodiless, response_headers, without
from services.gateway.use_cases.paid_call.conversation import Conversation
from services.gateway.use_cases.paid_call.request import AnswerCut, PaidRequest
from shared.errors import DomainError

MOST_METERED_BODY = 16 * 1024 * 1024


async def begun(body: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same body, past its empty first piece: from here on, closing it runs its end."""
    opening = await anext(body)
    assert opening == b""
    return body


def head_of(status: int, headers: Sequence[Header]) -> list[Header]:
    """The upstream's head for the caller. Statuses that have no body have no length either."""
    kept = response_headers(headers)
    return without(kept, b"content-length") if is_bodiless(status) else kept


async def uncharged(conversation: Conversation) -> bytes | AsyncGenerator[bytes]:
    """An answer that costs nothing: whole if it came whole, else as it comes."""
    whole = conversation.answer.whole
    if whole is None:
        return await begun(_uncharged_pieces(conversation))
    await conversation.close()
    return whole


async def _uncharged_pieces(conversation: Conversation) -> AsyncGenerator[bytes]:
    try:
        yield b""
        while (piece := await conversation.next_piece()) is not None:
            yield piece
    except UpstreamFailed as error:
        raise AnswerCut from error
    finally:
        await conversation.close()


async def whole_body(request: PaidRequest) -> bytes:
    """A metered request's body, up to 16 MiB. Raises `body_too_large`, `request_timeout`, CallerLeft."""
    length = first(request.headers, b"content-length") or b"0"
    if length.isdigit() and int(length) > MOST_METERED_BODY:
        raise _too_large()
    if isinstance(request.body, bytes):
        if len(request.body) > MOST_METERED_BODY:
            raise _too_large()
        return request.body
    body = bytearray()
    async for piece in request.body:
        body += piece
        if len(body) > MOST_METERED_BODY:
            raise _too_large()
    return bytes(body)


def _too_large() -> DomainError:
    return DomainError("body_too_large", "A metered route takes bodies of up to 16 MiB.")
