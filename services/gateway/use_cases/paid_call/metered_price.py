"""A call whose price is known afterwards: the most that it may cost is held before it is forwarded, and what it did
cost is captured before its last bytes leave."""

import asyncio

from services.gateway.clients.upstream import UpstreamFailed
from services.gateway.domain.forwarding import every, first
from services.gateway.domain.metering.accept import readable_encodings
from services.gateway.domain.metering.requests import MeteredRequest, read_request
from services.gateway.domain.price import HoldBounds, hold_bounds
from services.gateway.use_cases.paid_call.bodies import head_of, uncharged, whole_body
from services.gateway.use_cases.paid_call.conversation import (
    Conversation,
    UpstreamTooSlow,
    upstream_refusal,
)
from services.gateway.use_cases.paid_call.crash_points import reach
from services.gateway.use_cases.paid_call.desk import FIRST_ERROR, Call, Desk, authorise, credits_headers
from services.gateway.use_cases.paid_call.metered_answer import MeteredAnswer
from services.gateway.use_cases.paid_call.request import CallerLeft, PaidAnswer, request_timeout
from services.gateway.use_cases.paid_call.tab import Tab
from shared.errors import DomainError


async def call_at_metered_price(desk: Desk, call: Call) -> PaidAnswer:
    """Hold, forward, meter, capture, answer. Raises DomainError for every refusal, CallerLeft where nobody waits."""
    asked = await _read(call)
    bounds = _bounds(call, asked)
    tab = Tab(desk, call, estimated_input=asked.estimated_input)
    await authorise(
        desk,
        tab.hold(amount=bounds.amount, at_least=bounds.at_least),
        lambda: tab.release_item,
        required=bounds.at_least,
    )
    reach("after_hold")
    conversation = Conversation(desk, call)
    try:
        await _open(call, conversation, tab, asked)
        reach("after_forward")
        return await _answer(desk, call, conversation, tab, asked)
    except BaseException:
        tab.abandon()
        await conversation.close()
        raise


async def _read(call: Call) -> MeteredRequest:
    """The request, buffered. A coded body would hide what it asks for, so token-priced routes refuse one."""
    headers = call.request.headers
    encoding = (first(headers, b"content-encoding") or b"identity").strip().lower()
    if call.route.price.per_1000_tokens and encoding != b"identity":
        raise DomainError("unsupported_media_type", "Send this route's bodies without a Content-Encoding.")
    try:
        async with asyncio.timeout(call.route.timeout_ms / 1_000):
            body = await whole_body(call.request)
    except TimeoutError:
        raise request_timeout() from None
    route_format = call.route.format if call.route.price.per_1000_tokens else "raw"
    return read_request(body, path=call.request.head.path.rest, route_format=route_format)


def _bounds(call: Call, asked: MeteredRequest) -> HoldBounds:
    return hold_bounds(
        call.route.price,
        max_hold=call.route.max_hold,
        estimated_input=asked.estimated_input,
        most_tokens=asked.most_tokens,
    )


async def _open(call: Call, conversation: Conversation, tab: Tab, asked: MeteredRequest) -> None:
    request = call.request
    accepted = readable_encodings(every(request.headers, b"accept-encoding"), is_stream=asked.is_stream)
    try:
        await conversation.open(asked.body if request.head.caller.has_body else None, accept_encoding=accepted)
    except UpstreamFailed as error:
        if request.presence.has_left and isinstance(error, UpstreamTooSlow):
            await tab.capture_estimate(streamed_tokens=0)
            raise CallerLeft from error
        undone = await tab.release()
        raise upstream_refusal(error, undone) from error


async def _answer(desk: Desk, call: Call, conversation: Conversation, tab: Tab, asked: MeteredRequest) -> PaidAnswer:
    answer = conversation.answer
    if answer.status >= FIRST_ERROR and not call.route.charge_errors:
        undone = await tab.release()
        headers = head_of(answer.status, answer.headers) + credits_headers(0, undone["available"])
        return PaidAnswer(answer.status, headers, await uncharged(conversation))
    metered = MeteredAnswer(call, conversation, tab, desk.kept_back, asked)
    return await metered.answer()
