"""`POST /v1/chat/completions`, streamed or not.

A stream ends with an event that bears `usage` and no choices only where `stream_options.include_usage` asked for it;
then every event before it bears `usage: null`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

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
    wrong_type,
)
from deploy.local.demo_upstream.errors import ApiError
from deploy.local.demo_upstream.events import data_event, stream
from deploy.local.demo_upstream.ids import new_id
from deploy.local.demo_upstream.openai.usage import headers, usage
from deploy.local.demo_upstream.words import Reply

MOST_CHOICES = 8


async def create_chat_completion(request: Request) -> Response:
    body = await read_object(request)
    model = required_text(body, "model")
    texts = messages(body)
    is_streamed = flag(body, "stream")
    wants_usage = includes_usage(body, is_streamed=is_streamed)
    replies = _replies(body, "\n".join(texts))
    spent = usage(words.count_prompt(texts), sum(len(reply.tokens) for reply in replies))
    if is_streamed:
        head = _head(model, "chat.completion.chunk")
        return stream(_events(head, replies, spent if wants_usage else None), headers())
    choices = [_choice(index, reply) for index, reply in enumerate(replies)]
    head = _head(model, "chat.completion")
    return JSONResponse({**head, "choices": choices, "usage": spent}, headers=headers())


def includes_usage(body: Json, *, is_streamed: bool) -> bool:
    """Whether the stream shall end with the usage; options without a stream are refused, as OpenAI does."""
    options = body.get("stream_options")
    if options is None:
        return False
    if not is_streamed:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise ApiError(message, param="stream_options")
    if not isinstance(options, dict):
        raise wrong_type("stream_options", "an object")
    return flag(options, "include_usage")


def _replies(body: Json, prompt: str) -> list[Reply]:
    most_tokens = optional_count(body, "max_completion_tokens") or optional_count(body, "max_tokens")
    choices = optional_count(body, "n", most=MOST_CHOICES) or 1
    ends = stops(body, "stop")
    return [words.reply_to(prompt, most_tokens=most_tokens, stops=ends, variant=variant) for variant in range(choices)]


def _head(model: str, kind: str) -> Json:
    return {
        "id": new_id("chatcmpl-"),
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_demo",
    }


def _choice(index: int, reply: Reply) -> Json:
    message: Json = {"role": "assistant", "content": reply.text, "refusal": None, "annotations": []}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": _finish(reply)}


def _finish(reply: Reply) -> str:
    return "length" if reply.was_cut else "stop"


async def _events(head: Json, replies: Sequence[Reply], spent: Json | None) -> AsyncIterator[bytes]:
    beside: Json = {} if spent is None else {"usage": None}

    def event(index: int, delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return data_event({**head, "choices": [choice], **beside})

    for index, reply in enumerate(replies):
        yield event(index, {"role": "assistant", "content": "", "refusal": None})
        for token in reply.tokens:
            await asyncio.sleep(reply.pause_seconds)
            yield event(index, {"content": token})
        yield event(index, {}, _finish(reply))
    if spent is not None:
        yield data_event({**head, "choices": [], "usage": spent})
    yield b"data: [DONE]\n\n"


ROUTES = [Route("/v1/chat/completions", create_chat_completion, methods=["POST"])]
