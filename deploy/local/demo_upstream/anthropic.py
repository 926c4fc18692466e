"""Anthropic's messages API: `POST /v1/messages`, streamed or not, and `POST /v1/messages/count_tokens`.

Source: docs.anthropic.com, "Messages" and "Streaming messages". Tokens are counted by `words`; a stream names the
prompt's in `message_start` and the final count of the reply's in `message_delta`.
"""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.demo_upstream import words
from deploy.local.demo_upstream.bodies import (
    Json,
    flag,
    messages,
    optional_count,
    read_object,
    required_text,
    stops,
    text_of,
)
from deploy.local.demo_upstream.errors import ApiError
from deploy.local.demo_upstream.events import named_event, stream
from deploy.local.demo_upstream.ids import new_id


async def create_message(request: Request) -> Response:
    body = await read_object(request)
    model = required_text(body, "model")
    most_tokens = optional_count(body, "max_tokens")
    if most_tokens is None:
        raise ApiError("Field required", param="max_tokens")
    texts = _texts(body)
    reply = words.reply_to("\n".join(texts), most_tokens=most_tokens, stops=stops(body, "stop_sequences"))
    head = _head(model, words.count_prompt(texts))
    headers = {"request-id": new_id("req_")}
    if flag(body, "stream"):
        return stream(_events(head, reply), headers)
    usage = {**head["usage"], "output_tokens": len(reply.tokens)}
    content = [{"type": "text", "text": reply.text}]
    return JSONResponse({**head, "content": content, "usage": usage, **_end(reply)}, headers=headers)


async def count_tokens(request: Request) -> Response:
    body = await read_object(request)
    required_text(body, "model")
    return JSONResponse({"input_tokens": words.count_prompt(_texts(body))})


def _texts(body: Json) -> list[str]:
    system = text_of(body.get("system"), "system")
    return ([system] if system else []) + messages(body)


def _head(model: str, input_tokens: int) -> Json:
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
            "service_tier": "standard",
        },
    }


def _end(reply: words.Reply) -> Json:
    if reply.was_cut:
        return {"stop_reason": "max_tokens", "stop_sequence": None}
    reason = "stop_sequence" if reply.stopped_by else "end_turn"
    return {"stop_reason": reason, "stop_sequence": reply.stopped_by}


async def _events(head: Json, reply: words.Reply) -> AsyncIterator[bytes]:
    yield named_event({"type": "message_start", "message": head})
    block = {"type": "text", "text": ""}
    yield named_event({"type": "content_block_start", "index": 0, "content_block": block})
    yield named_event({"type": "ping"})
    for token in reply.tokens:
        await asyncio.sleep(reply.pause_seconds)
        delta = {"type": "text_delta", "text": token}
        yield named_event({"type": "content_block_delta", "index": 0, "delta": delta})
    yield named_event({"type": "content_block_stop", "index": 0})
    usage = {"output_tokens": len(reply.tokens)}
    yield named_event({"type": "message_delta", "delta": _end(reply), "usage": usage})
    yield named_event({"type": "message_stop"})


ROUTES = [
    Route("/v1/messages", create_message, methods=["POST"]),
    Route("/v1/messages/count_tokens", count_tokens, methods=["POST"]),
]
