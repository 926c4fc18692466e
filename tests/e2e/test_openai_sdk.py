"""OpenAI's own SDK, pointed at `/proxy/demo/v1` with a Tollgate key: it works, and pays by its tokens."""

from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.e2e import books
from tests.e2e.callers import CREDIT, Customer, Key, Operator, exact, millicredits
from tests.e2e.running import Running
from tests.e2e.waiting import eventually

FULL = 5_000 * CREDIT
MESSAGES = [{"role": "user", "content": "Tell me of the bridge."}]


@pytest.fixture
def key(customer: Customer, operator: Operator) -> Key:
    operator.grant(customer, 5_000)
    return customer.key()


@pytest.fixture
def sdk(running: Running, key: Key) -> Iterator[openai.OpenAI]:
    with httpx.Client(trust_env=False) as http:
        yield openai.OpenAI(
            base_url=f"{running.gateway}/proxy/demo/v1", api_key=key.text, http_client=http, max_retries=0
        )


def test_chat_is_completed_and_charged_by_its_tokens(
    sdk: openai.OpenAI, customer: Customer, operator: Operator
) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model="any", messages=MESSAGES)  # type: ignore[arg-type]
    chat = raw.parse()
    assert chat.choices[0].message.content
    assert chat.usage is not None
    assert millicredits(raw.headers["x-credits-charged"]) == chat.usage.total_tokens
    assert millicredits(raw.headers["x-credits-remaining"]) == FULL - chat.usage.total_tokens
    assert customer.credits() == FULL - chat.usage.total_tokens
    books.assert_whole(operator, customer)


@pytest.mark.parametrize("asked_for_usage", [True, False])
def test_streamed_chat_is_completed_and_charged_as_the_unstreamed_one(
    sdk: openai.OpenAI, customer: Customer, operator: Operator, asked_for_usage: bool
) -> None:
    plain = sdk.chat.completions.create(model="any", messages=MESSAGES)  # type: ignore[call-overload]
    tokens = plain.usage.total_tokens
    options = {"stream_options": {"include_usage": True}} if asked_for_usage else {}
    raw = sdk.chat.completions.with_raw_response.create(model="any", messages=MESSAGES, stream=True, **options)
    assert "x-credits-charged" not in raw.headers
    chunks = list(raw.parse())
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == plain.choices[0].message.content
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert [usage.total_tokens for usage in usages] == ([tokens] if asked_for_usage else [])
    assert all(chunk.choices for chunk in chunks) or asked_for_usage, "what was not asked for is taken out again"
    assert customer.credits() == FULL - 2 * tokens, "charged before the stream's end"
    path = f"/api/v1/usage/requests/{raw.headers['x-request-id']}"
    assert millicredits(exact(customer.get(path))["credits"]) == tokens
    record = eventually(
        lambda: next((seen for seen in [exact(customer.get(path))] if seen["outcome"] != "unknown"), None),
        seconds=2,
        what="how the call ended is told behind its answer",
    )
    assert record["outcome"] == "delivered"
    assert record["route"] == "demo"
    assert record["units"]["tokens"] == tokens
    books.assert_whole(operator, customer)


def test_embeddings_and_models_work_through_it(sdk: openai.OpenAI, customer: Customer, operator: Operator) -> None:
    made = sdk.embeddings.create(model="any", input="a toll")
    assert made.data[0].embedding
    assert customer.credits() == FULL - made.usage.total_tokens
    assert list(sdk.models.list())
    books.assert_whole(operator, customer)


def test_refused_key_is_the_sdks_authentication_error(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="tg_live_nothing").models.list()


def test_caller_who_leaves_a_stream_pays_for_what_was_streamed_and_holds_nothing(
    sdk: openai.OpenAI, customer: Customer, operator: Operator
) -> None:
    messages = [{"role": "user", "content": "words=400 pause_ms=20"}]
    stream = sdk.chat.completions.create(model="any", messages=messages, stream=True)  # type: ignore[call-overload]
    for _, _chunk in zip(range(10), stream, strict=False):
        pass
    stream.close()
    eventually(lambda: customer.wallet()["held"] == 0, seconds=15, what="nothing is held")
    cost = FULL - customer.credits()
    assert 0 < cost < 2_000
    books.assert_whole(operator, customer)
