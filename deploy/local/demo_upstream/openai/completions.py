"""`POST /v1/completions`: the older format, streamed or not."""

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.demo_upstream import words
from deploy.local.demo_upstream.bodies import (
    Json,
    flag,
    optional_count,
    read_object,
    required_text,
    stops,
    wrong_type,
)
from deploy.local.demo_upstream.events import data_event, stream
from deploy.local.demo_upstream.ids import new_id
from deploy.local.demo_upstream.openai.chat import includes_usage
from deploy.local.demo_upstream.openai.usage import headers, usage
from deploy.local.demo_upstream.words import Reply

DEFAULT_TOKENS = 16
MOST_PROMPTS = 64


async def create_completion(request: Request) -> Response:
    body = await read_object(request)
    head = _head(required_text(body, "model"))
    prompts = _prompts(body)
    is_streamed = flag(body, "stream")
    wants_usage = includes_usage(body, is_streamed=is_streamed)
    most_tokens = optional_count(body, "max_tokens") or DEFAULT_TOKENS
    ends = stops(body, "stop")
    replies = [words.reply_to(prompt, most_tokens=most_tokens, stops=ends) for prompt in prompts]
    spent = usage(sum(words.count_tokens(prompt) for prompt in prompts), sum(len(reply.tokens) for reply in replies))
    if is_streamed:
        return stream(_events(head, replies, spent if wants_usage else None), headers())
    choices = [_choice(index, reply.text, _finish(reply)) for index, reply in enumerate(replies)]
    return JSONResponse({**head, "choices": choices, "usage": spent}, headers=headers())


def _head(model: str) -> Json:
    return {
        "id": new_id("cmpl-"),
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
    }


def _prompts(body: Json) -> list[str]:
    value = body.get("prompt", "")
    prompts = [value] if isinstance(value, str) else value
    if not isinstance(prompts, list) or not prompts or not all(isinstance(one, str) for one in prompts):
        raise wrong_type("prompt", "a string or an array of strings")
    if len(prompts) > MOST_PROMPTS:
        raise wrong_type("prompt", f"at most {MOST_PROMPTS} strings")
    return prompts


def _choice(index: int, text: str, finish: str | None) -> Json:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}


def _finish(reply: Reply) -> str:
    return "length" if reply.was_cut else "stop"


async def _events(head: Json, replies: list[Reply], spent: Json | None) -> AsyncIterator[bytes]:
    beside: Json = {} if spent is None else {"usage": None}
    for index, reply in enumerate(replies):
        for token in reply.tokens:
            await asyncio.sleep(reply.pause_seconds)
            yield data_event({**head, "choices": [_choice(index, token, None)], **beside})
        yield data_event({**head, "choices": [_choice(index, "", _finish(reply))], **beside})
    if spent is not None:
        yield data_event({**head, "choices": [], "usage": spent})
    yield b"data: [DONE]\n\n"


ROUTES = [Route("/v1/completions", create_completion, methods=["POST"])]
