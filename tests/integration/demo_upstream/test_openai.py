"""OpenAI's formats, by OpenAI's own SDK and by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

HELLO = [{"role": "user", "content": "Hello, who are you?"}]
CHAT = "/demo/v1/chat/completions"


@pytest.fixture
async def sdk(upstream: str) -> AsyncIterator[AsyncOpenAI]:
    client = AsyncOpenAI(base_url=f"{upstream}/demo/v1", api_key="any", max_retries=0)
    yield client
    await client.close()


async def events_of(http: httpx.AsyncClient, path: str, body: dict[str, Any]) -> list[str]:
    answer = await http.post(path, json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]


async def test_sdk_completes_a_chat(sdk: AsyncOpenAI) -> None:
    answer = await sdk.chat.completions.create(model="any-model", messages=HELLO)  # type: ignore[arg-type]
    assert answer.model == "any-model"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_streamed_chat_says_and_costs_the_same(sdk: AsyncOpenAI) -> None:
    whole = await sdk.chat.completions.create(model="m", messages=HELLO)  # type: ignore[arg-type]
    text, usages = "", []
    async for chunk in await sdk.chat.completions.create(
        model="another",
        messages=HELLO,  # type: ignore[arg-type]
        stream=True,
        stream_options={"include_usage": True},
    ):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        usages.append(chunk.usage)
    assert text == whole.choices[0].message.content
    assert usages[-1] == whole.usage and set(usages[:-1]) == {None}


async def test_usage_event_comes_only_when_asked_for(http: httpx.AsyncClient) -> None:
    body = {"model": "m", "messages": HELLO, "stream": True}
    *plain, done = await events_of(http, CHAT, body)
    assert done == "[DONE]"
    assert all("usage" not in json.loads(event) for event in plain)
    *asked, last, done = await events_of(http, CHAT, {**body, "stream_options": {"include_usage": True}})
    assert all(json.loads(event)["usage"] is None for event in asked)
    assert json.loads(last)["choices"] == [] and json.loads(last)["usage"]["completion_tokens"] == len(asked) - 2
    assert done == "[DONE]"


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_bound_on_tokens_is_kept(http: httpx.AsyncClient, field: str) -> None:
    answer = (await http.post(CHAT, json={"model": "m", "messages": HELLO, field: 3})).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


async def test_several_choices_cost_their_sum(sdk: AsyncOpenAI) -> None:
    answer = await sdk.chat.completions.create(model="m", messages=HELLO, n=3, max_tokens=4)  # type: ignore[call-overload]
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert answer.usage.completion_tokens == 12


async def test_parts_of_a_message_count_as_their_text(http: httpx.AsyncClient) -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "Hello, who are you?"}]}]
    plain = (await http.post(CHAT, json={"model": "m", "messages": HELLO})).json()
    parted = (await http.post(CHAT, json={"model": "m", "messages": parts})).json()
    assert parted["usage"] == plain["usage"]


async def test_answer_is_compressed_for_who_asks(http: httpx.AsyncClient) -> None:
    body = {"model": "m", "messages": HELLO}
    zipped = await http.post(CHAT, json=body, headers={"accept-encoding": "gzip"})
    plain = await http.post(CHAT, json=body, headers={"accept-encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.json()["usage"] == plain.json()["usage"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": HELLO}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": ["hello"]}, "messages[0]"),
        ({"model": "m", "messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"model": "m", "messages": HELLO, "max_tokens": 0}, "max_tokens"),
        ({"model": "m", "messages": HELLO, "stream": "yes"}, "stream"),
        ({"model": "m", "messages": HELLO, "stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
async def test_bad_request_is_refused_in_openais_shape(
    http: httpx.AsyncClient, body: dict[str, Any], param: str
) -> None:
    answer = await http.post(CHAT, json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error" and error["param"] == param and error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff"])
async def test_broken_json_is_refused(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post(CHAT, content=body)
    assert answer.status_code == 400 and answer.json()["error"]["type"] == "invalid_request_error"


async def test_unknown_path_and_method_answer_in_openais_shape(sdk: AsyncOpenAI, http: httpx.AsyncClient) -> None:
    with pytest.raises(openai.NotFoundError):
        await sdk.files.list()
    answer = await http.get(CHAT)
    assert answer.status_code == 405 and answer.json()["error"]["message"]


async def test_sdk_completes_a_response(sdk: AsyncOpenAI) -> None:
    whole = await sdk.responses.create(model="m", input="Hello", instructions="Be brief.")
    assert whole.output_text and whole.status == "completed" and whole.usage is not None
    final, text = None, ""
    async for event in await sdk.responses.create(model="m", input="Hello", instructions="Be brief.", stream=True):
        if event.type == "response.output_text.delta":
            text += event.delta
        if event.type == "response.completed":
            final = event.response
    assert final is not None and final.usage == whole.usage and text == whole.output_text == final.output_text


async def test_sdk_completes_the_older_format(sdk: AsyncOpenAI) -> None:
    whole = await sdk.completions.create(model="m", prompt="Once upon a time")
    assert whole.usage is not None and whole.usage.completion_tokens <= 16
    stream = await sdk.completions.create(model="m", prompt="Once upon a time", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == whole.choices[0].text


async def test_sdk_embeds_in_both_encodings(sdk: AsyncOpenAI) -> None:
    packed = await sdk.embeddings.create(model="m", input=["one", "two"], dimensions=64)
    plain = await sdk.embeddings.create(model="m", input=["one", "two"], dimensions=64, encoding_format="float")
    assert packed.usage.total_tokens == 2 and len(packed.data) == 2
    assert packed.data[1].embedding == pytest.approx(plain.data[1].embedding, abs=1e-6)
    assert packed.data[0].embedding != packed.data[1].embedding


async def test_sdk_lists_models(sdk: AsyncOpenAI) -> None:
    assert [model.id async for model in sdk.models.list()] == ["demo-small", "demo-large"]
    assert (await sdk.models.retrieve("any-model")).id == "any-model"


async def test_refused_calls_would_not_be_counted_for_they_never_come(http: httpx.AsyncClient) -> None:
    before = (await http.get("/calls?prefix=/demo/")).json()
    await asyncio.gather(*(http.post(CHAT, json={}) for _ in range(5)))
    after = (await http.get("/calls?prefix=/demo/")).json()
    assert before == {"total": 0, "paths": {}}
    assert after == {"total": 5, "paths": {CHAT: 5}}
