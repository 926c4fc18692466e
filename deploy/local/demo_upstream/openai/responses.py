"""`POST /v1/responses`: one message of text, streamed or not. Nothing is kept, so a response can't be fetched again."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import count

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
    text_of,
)
from deploy.local.demo_upstream.events import named_event, stream
from deploy.local.demo_upstream.ids import new_id
from deploy.local.demo_upstream.openai.usage import headers
from deploy.local.demo_upstream.words import Reply


async def create_response(request: Request) -> Response:
    body = await read_object(request)
    required_text(body, "model")
    texts = _texts(body)
    reply = words.reply_to("\n".join(texts), most_tokens=optional_count(body, "max_output_tokens", least=16))
    head = _head(body)
    spent = _usage(words.count_prompt(texts), len(reply.tokens))
    if flag(body, "stream"):
        return stream(_events(head, reply, spent), headers())
    item = _item(new_id("msg_"), reply)
    return JSONResponse({**head, **_end(reply), "output": [item], "usage": spent}, headers=headers())


def _texts(body: Json) -> list[str]:
    instructions = text_of(body.get("instructions"), "instructions")
    asked = body.get("input")
    texts = [asked] if isinstance(asked, str) else messages(body, "input")
    return ([instructions] if instructions else []) + texts


def _head(body: Json) -> Json:
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": body["model"],
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
    }


def _end(reply: Reply) -> Json:
    if reply.was_cut:
        return {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return {"status": "completed"}


def _item(item_id: str, reply: Reply) -> Json:
    status = "incomplete" if reply.was_cut else "completed"
    return {
        "type": "message",
        "id": item_id,
        "status": status,
        "role": "assistant",
        "content": [_part(reply.text)],
    }


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(input_tokens: int, output_tokens: int) -> Json:
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }


async def _events(head: Json, reply: Reply, spent: Json) -> AsyncIterator[bytes]:
    numbers = count()
    item = _item(new_id("msg_"), reply)
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}

    def event(kind: str, **fields: object) -> bytes:
        return named_event({"type": f"response.{kind}", "sequence_number": next(numbers), **fields})

    yield event("created", response=head)
    yield event("in_progress", response=head)
    empty = {**item, "status": "in_progress", "content": []}
    yield event("output_item.added", output_index=0, item=empty)
    yield event("content_part.added", **place, part=_part(""))
    for token in reply.tokens:
        await asyncio.sleep(reply.pause_seconds)
        yield event("output_text.delta", **place, delta=token, logprobs=[])
    yield event("output_text.done", **place, text=reply.text, logprobs=[])
    yield event("content_part.done", **place, part=_part(reply.text))
    yield event("output_item.done", output_index=0, item=item)
    end = _end(reply)
    yield event(str(end["status"]), response={**head, **end, "output": [item], "usage": spent})


ROUTES = [Route("/v1/responses", create_response, methods=["POST"])]
