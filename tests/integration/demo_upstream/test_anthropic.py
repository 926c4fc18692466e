"""Anthropic's messages, streamed or not."""

import json
from typing import Any

import httpx
import pytest

PATH = "/demo/v1/messages"
HELLO = {"model": "any", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}


async def events_of(http: httpx.AsyncClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await http.post(PATH, json={**body, "stream": True})
    frames = [frame.splitlines() for frame in answer.text.strip().split("\n\n")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in frames]
    assert [name.removeprefix("event: ") for name, _ in frames] == [event["type"] for event in events]
    return events


async def test_message_bears_its_usage(http: httpx.AsyncClient) -> None:
    message = (await http.post(PATH, json=HELLO)).json()
    assert message["type"] == "message" and message["role"] == "assistant" and message["model"] == "any"
    assert message["stop_reason"] == "end_turn" and message["content"][0]["text"]
    assert message["usage"]["input_tokens"] == 3 + 4 + 1
    assert message["usage"]["output_tokens"] > 0


async def test_stream_has_the_documented_order_and_costs_the_same(http: httpx.AsyncClient) -> None:
    message = (await http.post(PATH, json=HELLO)).json()
    events = await events_of(http, HELLO)
    deltas = [event for event in events if event["type"] == "content_block_delta"]
    assert [event["type"] for event in events if event not in deltas] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert "".join(event["delta"]["text"] for event in deltas) == message["content"][0]["text"]
    assert events[0]["message"]["usage"]["input_tokens"] == message["usage"]["input_tokens"]
    assert events[-2]["usage"]["output_tokens"] == message["usage"]["output_tokens"]
    assert events[-2]["delta"]["stop_reason"] == "end_turn"


async def test_bound_and_stop_sequence_are_named(http: httpx.AsyncClient) -> None:
    cut = (await http.post(PATH, json={**HELLO, "max_tokens": 2})).json()
    assert cut["stop_reason"] == "max_tokens" and cut["usage"]["output_tokens"] == 2
    word = (await http.post(PATH, json=HELLO)).json()["content"][0]["text"].split()[3]
    stopped = (await http.post(PATH, json={**HELLO, "stop_sequences": [word]})).json()
    assert stopped["stop_reason"] == "stop_sequence" and stopped["stop_sequence"] == word


async def test_system_prompt_counts(http: httpx.AsyncClient) -> None:
    body = {"model": "any", "messages": HELLO["messages"]}
    path = f"{PATH}/count_tokens"
    assert (await http.post(path, json=body)).json() == {"input_tokens": 8}
    assert (await http.post(path, json={**body, "system": "Be brief."})).json() == {"input_tokens": 8 + 4 + 3}


@pytest.mark.parametrize("missing", ["model", "max_tokens", "messages"])
async def test_missing_field_is_refused_in_anthropics_shape(http: httpx.AsyncClient, missing: str) -> None:
    answer = await http.post(PATH, json={name: value for name, value in HELLO.items() if name != missing})
    assert answer.status_code == 400
    content = answer.json()
    assert content["type"] == "error" and content["error"]["type"] == "invalid_request_error"
    assert missing in content["error"]["message"]


async def test_models_are_listed_in_its_shape(http: httpx.AsyncClient) -> None:
    listed = (await http.get("/demo/v1/models", headers={"anthropic-version": "2023-06-01"})).json()
    assert listed["data"][0]["type"] == "model" and listed["has_more"] is False
