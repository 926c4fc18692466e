"""One description of the API, two clients: lists are walked to their end, paid calls tell what they cost."""

import inspect
import re
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tollgate_client import AsyncTollgateClient, Problem, TollgateClient, Unreachable, calls, charge_of
from tollgate_client.operations import Operations
from tollgate_client.seen import Collection, Operation


def pages(request: httpx.Request) -> httpx.Response:
    """Five transactions, two at a time."""
    after = int(request.url.params.get("after", "0"))
    limit = int(request.url.params["limit"])
    found = [{"id": str(number)} for number in range(after + 1, min(after + limit, 5) + 1)]
    more = after + limit < 5
    return httpx.Response(200, json={"data": found, "has_more": more, "next": found[-1]["id"] if more else None})


def upstream(request: httpx.Request) -> httpx.Response:
    """An API that is sold: `/proxy/echo/status/418` answers as it is told; `/proxy/none` is no route."""
    if request.url.path.startswith("/proxy/none"):
        document = {"type": "urn:tollgate:problem:unknown_route", "code": "unknown_route", "status": 404}
        return httpx.Response(404, json=document, headers={"content-type": "application/problem+json"})
    said = {"method": request.method, "path": request.url.path, "body": request.content.decode()}
    charged = {"x-credits-charged": "1.5", "x-credits-remaining": "4998.5", "x-request-id": "req_1"}
    return httpx.Response(418 if "status" in request.url.path else 200, json=said, headers=charged)


def blocking(handler: Any) -> TollgateClient:
    return TollgateClient("https://t.example", api_key="k", http=httpx.Client(transport=httpx.MockTransport(handler)))


def awaited(handler: Any) -> AsyncTollgateClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return AsyncTollgateClient("https://t.example", api_key="k", http=http)


def test_a_list_is_walked_to_its_end() -> None:
    found = [entry["id"] for entry in blocking(pages).transactions(page_size=2)]
    assert found == ["1", "2", "3", "4", "5"]


async def test_a_list_is_walked_to_its_end_without_blocking() -> None:
    assert [entry["id"] async for entry in awaited(pages).transactions(page_size=2)] == ["1", "2", "3", "4", "5"]


def test_a_paid_call_is_the_upstreams_answer_and_tells_its_cost() -> None:
    answer = blocking(upstream).call("echo", "/hello", method="post", json={"to": "you"})
    assert answer.json() == {"method": "POST", "path": "/proxy/echo/hello", "body": '{"to":"you"}'}
    charge = charge_of(answer)
    assert (charge.credits_charged, charge.credits_remaining) == (Decimal("1.5"), Decimal("4998.5"))
    assert charge.request_id == "req_1"


def test_the_upstreams_own_error_is_an_answer_and_ours_a_refusal() -> None:
    assert blocking(upstream).call("echo", "status/418").status_code == 418
    with pytest.raises(Problem) as raised:
        blocking(upstream).call("none", "hello")
    assert raised.value.code == "unknown_route"


async def test_a_paid_call_without_blocking() -> None:
    assert (await awaited(upstream).call("echo", "hello")).status_code == 200
    async with awaited(upstream).stream("echo", "hello") as answer:
        assert (await answer.aread()).startswith(b"{")
    with pytest.raises(Problem):
        async with awaited(upstream).stream("none"):
            pass


def test_a_streamed_call_is_read_as_it_comes() -> None:
    with blocking(upstream).stream("echo", "hello") as answer:
        assert b"".join(answer.iter_bytes()).startswith(b"{")
    assert answer.is_closed
    with pytest.raises(Problem), blocking(upstream).stream("none"):
        pass


class Cut(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A stream that breaks off."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"data: one"
        raise httpx.ReadError("cut")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


async def test_a_stream_that_breaks_off_is_told_apart() -> None:
    def cut(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Cut())

    told = "GET /proxy/demo/v1 broke off: ReadError"
    with pytest.raises(Unreachable, match=told), blocking(cut).stream("demo", "v1") as answer:
        answer.read()
    with pytest.raises(Unreachable):
        async with awaited(cut).stream("demo", "v1") as answer:
            await answer.aread()
    with pytest.raises(httpx.ConnectError), blocking(cut).stream("demo", "v1"):
        raise httpx.ConnectError("of another", request=httpx.Request("GET", "https://other.example"))


def test_credits_are_sent_as_the_numbers_they_are() -> None:
    body = calls.set_auto_top_up(enabled=True, threshold=Decimal("0.001"), credits=5000, monthly_cap=Decimal(20_000))
    assert body.outgoing.content == b'{"enabled":true,"threshold":0.001,"credits":5000,"monthly_cap":20000}'
    assert body.outgoing.headers["Idempotency-Key"]


EXAMPLES: dict[str, Any] = {
    "email": "a@b.example",
    "password": "secret",
    "name": "first",
    "credits": 5000,
    "enabled": True,
    "threshold": 1,
    "monthly_cap": 1,
    "plan": "license-monthly",
    "at_period_end": True,
    "server_id": "web-1",
    "route": "echo",
}


def described() -> list[tuple[str, Any]]:
    return [(name, each) for name, each in vars(Operations).items() if isinstance(each, Operation | Collection)]


def outgoing_of(operation: Any) -> Any:
    needed = [p for p in inspect.signature(operation._make).parameters.values() if p.default is p.empty]
    given = {each.name: EXAMPLES.get(each.name, "id_1") for each in needed}
    made = operation._make(**given)
    return (made.page(None) if isinstance(operation, Collection) else made).outgoing


@pytest.mark.parametrize(("name", "operation"), described(), ids=[name for name, _ in described()])
async def test_both_clients_send_the_same(name: str, operation: Any) -> None:
    """Every operation, through both: the path, method and body are those of its call."""
    wanted, seen = outgoing_of(operation), []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, request.url.raw_path.decode(), request.content))
        return httpx.Response(200, json={"data": [], "has_more": False, "next": None})

    needed = [p.name for p in inspect.signature(operation._make).parameters.values() if p.default is p.empty]
    given = {each: EXAMPLES.get(each, "id_1") for each in needed}
    one = getattr(blocking(handler), name)(**given)
    two = getattr(awaited(handler), name)(**given)
    if isinstance(operation, Collection):
        assert (list(one), [each async for each in two]) == ([], [])
    else:
        await two
    assert len(seen) == 2 and seen[0] == seen[1]
    assert (seen[0][0], seen[0][1].partition("?")[0]) == (wanted.method, wanted.path)


@pytest.mark.parametrize(("name", "operation"), described(), ids=[name for name, _ in described()])
def test_what_makes_something_bears_an_idempotency_key_if_it_may_be_repeated(name: str, operation: Any) -> None:
    outgoing = outgoing_of(operation)
    has_key = "Idempotency-Key" in outgoing.headers
    if outgoing.method == "POST" and outgoing.may_repeat:
        assert has_key
    assert outgoing.may_repeat or name in {"login", "logout", "change_api_key", "call"}
    assert re.fullmatch(r"/(api/v1|proxy)/[A-Za-z0-9_/-]+", outgoing.path)
