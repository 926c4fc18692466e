"""The order of refusals and the shape of problems, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from shared.doors import CreditsField, MoneyField, StrictRoute, Text, Wire, answer, guarded, install, protocol, routing
from shared.errors import DomainError, NotFound
from tests.support.http import running


class Order(Wire):
    name: Text
    credits: CreditsField
    price: MoneyField | None = None


async def _signed_in(request: Request) -> None:
    if "authorization" not in request.headers:
        raise DomainError("unauthenticated", "Sign in first.")


async def _known_shop(request: Request) -> None:
    if request.path_params["shop"] != "corner":
        raise NotFound("shop")


router = APIRouter(route_class=StrictRoute)


@router.get("/host")
async def host(request: Request) -> Response:
    return answer(request.headers["host"])


@router.post("/shops/{shop}/orders")
@guarded(_signed_in, _known_shop)
async def order(shop: str, body: Order) -> Response:
    return answer({"name": body.name, "credits": body.credits, "price": body.price and body.price.money()}, 201)


@router.get("/fail")
async def fail() -> Response:
    raise RuntimeError("a secret in the message")


@pytest.fixture
async def shop() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(router)
    install(app, trusts_request_id=False)
    async with running(app) as url, httpx.AsyncClient(base_url=url, headers={"authorization": "yes"}) as client:
        yield client


GOOD = b'{"name": "tea", "credits": 0.3, "price": {"amount": 250, "currency": "usd"}}'


async def test_a_good_order_is_answered_exactly(shop: httpx.AsyncClient) -> None:
    reply = await shop.post("/shops/corner/orders", content=GOOD)
    assert reply.status_code == 201
    assert reply.text == '{"name":"tea","credits":0.3,"price":{"amount":250,"currency":"usd"}}'
    assert reply.headers["x-request-id"].startswith("req_")


async def test_credentials_come_before_the_path_and_the_path_before_the_body(shop: httpx.AsyncClient) -> None:
    del shop.headers["authorization"]
    assert (await shop.post("/shops/nowhere/orders", content=b"{")).status_code == 401
    shop.headers["authorization"] = "yes"
    assert (await shop.post("/shops/nowhere/orders", content=b"{")).status_code == 404
    assert (await shop.post("/shops/corner/orders", content=b"{")).status_code == 400


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"name": "tea"}', "/credits"),
        (b'{"name": "tea", "credits": "5"}', "/credits"),
        (b'{"name": "tea", "credits": true}', "/credits"),
        (b'{"name": "tea", "credits": 0.0001}', "/credits"),
        (b'{"name": "tea", "credits": 1e400}', "/credits"),
        (b'{"name": 7, "credits": 1}', "/name"),
        (b'{"name": "  ", "credits": 1}', "/name"),
        (b'{"name": "tea", "credits": 1, "role": "operator"}', "/role"),
        (b'{"name": "tea", "credits": 1, "price": {"amount": 1.5, "currency": "usd"}}', "/price/amount"),
        (b'{"name": "tea", "credits": 1, "price": {"amount": 1, "currency": "xxx"}}', "/price"),
        (b'{"name": "tea", "credits": ' + b"9" * 5_000 + b"}", "/credits"),
        (b"[]", ""),
        (b"null", ""),
    ],
)
async def test_a_bad_field_is_named_by_its_pointer(shop: httpx.AsyncClient, body: bytes, pointer: str) -> None:
    reply = await shop.post("/shops/corner/orders", content=body)
    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (422, "validation_failed"), problem
    assert problem["errors"][0]["pointer"] == pointer
    assert reply.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == reply.headers["x-request-id"]


async def test_an_empty_body_is_malformed(shop: httpx.AsyncClient) -> None:
    reply = await shop.post("/shops/corner/orders")
    assert (reply.status_code, reply.json()["code"]) == (400, "malformed_json")


async def test_a_body_over_the_bound_is_refused_declared_or_streamed(shop: httpx.AsyncClient) -> None:
    large = b'{"name": "' + b"x" * (1024 * 1024) + b'"}'

    async def stream() -> AsyncIterator[bytes]:
        yield large

    declared = await shop.post("/shops/corner/orders", content=large)
    streamed = await shop.post("/shops/corner/orders", content=stream())
    assert (declared.status_code, streamed.status_code) == (413, 413)


async def test_an_unexpected_error_says_nothing_of_itself(shop: httpx.AsyncClient) -> None:
    reply = await shop.get("/fail")
    assert reply.status_code == 500
    assert reply.json()["code"] == "internal_error"
    assert "secret" not in reply.text
    assert reply.json()["request_id"] == reply.headers["x-request-id"]


async def test_unknown_paths_and_methods_are_problems(shop: httpx.AsyncClient) -> None:
    assert (await shop.get("/nothing")).json()["code"] == "not_found"
    wrong = await shop.get("/shops/corner/orders")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


async def test_what_is_no_http_is_a_problem_and_ends_the_connection(shop: httpx.AsyncClient) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.base_url.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nbroken header\r\n\r\nGET /fail HTTP/1.1\r\n\r\n")
    reply = await reader.read()
    writer.close()
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"malformed_request"' in reply
    assert reply.count(b"HTTP/1.1 ") == 1


async def _sent(shop: httpx.AsyncClient, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.base_url.port)
    writer.write(request)
    reply = await asyncio.wait_for(reader.read(), 5.0)
    writer.close()
    return reply


async def test_a_trailer_is_no_header(shop: httpx.AsyncClient) -> None:
    head = b"POST /shops/corner/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    reply = await _sent(
        shop, head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
    )
    assert reply.startswith(b"HTTP/1.1 401 ")


async def test_the_host_of_an_absolute_target_stands(shop: httpx.AsyncClient) -> None:
    reply = await _sent(
        shop, b"GET http://elsewhere.example:81/host HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )
    assert reply.endswith(b'"elsewhere.example:81"')


async def test_a_body_that_does_not_come_is_ended(shop: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "BODY_SECONDS", 0.1)
    head = b"POST /shops/corner/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: x\r\nContent-Length: 9\r\n\r\n{"
    reply = await _sent(shop, head)
    assert reply.startswith(b"HTTP/1.1 408 ") and b'"code":"request_timeout"' in reply


async def test_a_head_without_end_is_ended(shop: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LARGEST_HEAD", 1_000)
    assert (await _sent(shop, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 2_000)).startswith(b"HTTP/1.1 400 ")
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    for slow in (b"", b"GET / HTTP/1.1\r\nHost: 127"):
        assert await _sent(shop, slow) == b""
