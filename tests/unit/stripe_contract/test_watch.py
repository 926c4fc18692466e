"""The watch sees what passes: each wrong thing once, the excused ones not."""

import json
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.stripe_contract import Watch

BALANCE: dict[str, Any] = {
    "object": "balance",
    "available": [],
    "livemode": False,
    "pending": [],
}
REFUSAL = {"error": {"type": "invalid_request_error", "message": "No."}}


def answering(body: object, status: int = 200) -> Starlette:
    async def answer(request: Request) -> Response:
        await request.body()
        return JSONResponse(body, status_code=status)

    return Starlette(routes=[Route("/{rest:path}", answer, methods=["GET", "POST"])])


async def asked(app: Any, method: str, path: str, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox.example") as client:
        return await client.request(method, path, **more)


async def test_right_traffic_passes_unchanged() -> None:
    watch = Watch()
    answer = await asked(watch.sandbox(answering(BALANCE)), "GET", "/v1/balance?expand[]=instant_available")
    assert answer.json() == BALANCE
    watch.verify()
    assert len(watch.calls) == 1


async def test_wrong_answer_fails_the_test() -> None:
    watch = Watch()
    await asked(watch.sandbox(answering({**BALANCE, "livemode": "no"})), "GET", "/v1/balance")
    with pytest.raises(AssertionError, match="livemode: 'no' is no boolean"):
        watch.verify()


async def test_wrong_request_that_was_carried_out_fails_the_test() -> None:
    watch = Watch()
    await asked(watch.sandbox(answering(BALANCE)), "GET", "/v1/balance?currency=usd")
    assert watch.complaints() == ["GET /v1/balance: currency: unknown"]


async def test_wrong_request_that_was_refused_is_excused_and_its_answer_is_not() -> None:
    watch = Watch()
    await asked(watch.sandbox(answering(REFUSAL, 400)), "POST", "/v1/refunds", data={"amonut": "5"})
    assert watch.complaints() == []
    await asked(watch.sandbox(answering({"detail": "No."}, 400)), "POST", "/v1/refunds", data={"amonut": "5"})
    assert watch.complaints() == [
        "400 to POST /v1/refunds: error: missing",
        "400 to POST /v1/refunds: detail: unknown",
    ]


async def test_a_request_whose_answer_was_lost_is_not_excused() -> None:
    watch = Watch()
    lost = {"error": {"type": "api_error", "message": "Oh."}}
    await asked(watch.sandbox(answering(lost, 500)), "POST", "/v1/refunds", data={"amonut": "5"})
    assert watch.complaints() == ["POST /v1/refunds: amonut: unknown"]


async def test_pages_and_controls_are_no_api() -> None:
    watch = Watch()
    await asked(watch.sandbox(answering(["anything"])), "GET", "/test/clock")
    assert watch.calls == []


async def test_webhooks_are_those_that_stripe_sends() -> None:
    watch = Watch()
    app, body = watch.receiver(answering({})), json.dumps({"object": "event"})
    await asked(app, "POST", "/hook", content=body, headers={"user-agent": "Stripe/1.0 (+https://stripe.com)"})
    assert "webhook None: id: None is no string" in watch.complaints()
    told = len(watch.webhooks)
    await asked(app, "POST", "/hook", content=body)
    assert len(watch.webhooks) == told
