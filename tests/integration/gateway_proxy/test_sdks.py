"""OpenAI's own SDK with a Tollgate key: it works as with the provider, and its tokens are charged."""

import pytest
from openai import AsyncOpenAI

from deploy.local.demo_upstream.app import create_app
from services.gateway.use_cases import seed_routes
from tests.integration.gateway_proxy.conftest import CREDIT, Platform
from tests.support.http import running

FULL = 5_000 * CREDIT


@pytest.mark.parametrize("streamed", [False, True])
async def test_openais_sdk_is_charged_by_its_tokens(platform: Platform, streamed: bool) -> None:
    gateway = platform.gateway
    demo = await platform.stack.enter_async_context(running(create_app()))
    object.__setattr__(gateway, "settings", gateway.settings.model_copy(update={"demo_upstream_url": demo}))
    await seed_routes.seed(gateway)
    customer = await platform.customer()
    messages = [{"role": "user", "content": "Say something about tolls and gates."}]
    async with AsyncOpenAI(base_url=f"{platform.url}/proxy/demo/v1", api_key=customer.key) as client:
        plain = await client.chat.completions.create(model="any", messages=messages)  # type: ignore[arg-type]
        assert plain.usage is not None
        cost = plain.usage.total_tokens
        await platform.settled(customer.account_id, FULL - cost)
        if streamed:
            stream = await client.chat.completions.create(model="any", messages=messages, stream=True)  # type: ignore[call-overload]
            chunks = [chunk async for chunk in stream]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            assert text == plain.choices[0].message.content
            assert all(chunk.usage is None and chunk.choices for chunk in chunks)
            await platform.settled(customer.account_id, FULL - 2 * cost)
