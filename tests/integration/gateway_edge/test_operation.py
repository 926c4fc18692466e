"""What a process counts and says of its paid requests, and how it stops."""

import asyncio
import json

import structlog

from services.gateway.api.edge.tally import ROUTE
from services.gateway.use_cases.paid_call.request import PaidAnswer, PaidRequest
from shared.telemetry import REGISTRY, add_request_id
from tests.integration.gateway_edge.conftest import House, head, pieces, post
from tests.support.http import eventually


def counted(method: str, status: str) -> float:
    labels = {"method": method, "route": ROUTE, "status": status}
    return REGISTRY.get_sample_value("tollgate_http_requests_total", labels) or 0.0


def timed(method: str) -> float:
    return REGISTRY.get_sample_value("tollgate_http_request_seconds_count", {"method": method, "route": ROUTE}) or 0.0


async def test_each_request_is_counted_and_timed_once(house: House) -> None:
    before = counted("GET", "200"), counted("OTHER", "200"), counted("GET", "421"), timed("GET")
    wire = await house.one(head() * 3, head("PROPFIND /proxy/a HTTP/1.1"), head(host="evil.example"))
    assert [(await wire.answer())[0] for _ in range(5)] == [200, 200, 200, 200, 421]
    after = counted("GET", "200"), counted("OTHER", "200"), counted("GET", "421"), timed("GET")
    assert [now - then for now, then in zip(after, before, strict=True)] == [3, 1, 1, 4]


async def test_a_caller_who_left_counts_as_499(house: House) -> None:
    left, before = asyncio.Event(), counted("GET", "499")

    async def handler(request: PaidRequest) -> PaidAnswer:
        request.presence.when_leaving(left.set)
        await left.wait()
        return PaidAnswer(200, [], pieces(b"to nobody"))

    house.stub.handler = handler
    wire = await house.one(head())
    await eventually(lambda: house.stub.seen)
    wire.writer.close()
    await eventually(lambda: counted("GET", "499") == before + 1)


async def test_only_refusals_that_are_our_fault_are_logged(house: House) -> None:
    async def handler(request: PaidRequest) -> PaidAnswer:
        if request.head.query:
            structlog.get_logger().warning("from_within")
            raise RuntimeError("a mistake of ours")
        return PaidAnswer(200, [], b"")

    house.stub.handler = handler
    with structlog.testing.capture_logs([add_request_id]) as lines:
        wire = await house.one(head(), head(host="evil.example"))
        assert [(await wire.answer())[0] for _ in range(2)] == [200, 421]
        assert lines == []
        status, headers, body = await (await house.one(head("GET /proxy/a?x HTTP/1.1"))).answer()
    assert (status, json.loads(body)["code"]) == (500, "internal_error")
    assert [line["event"] for line in lines] == ["from_within", "internal_error", "refused"]
    assert {line["request_id"] for line in lines} == {headers["x-request-id"]}
    assert "a mistake of ours" not in body.decode()


async def test_a_stopping_server_answers_what_has_begun(house: House) -> None:
    go_on = asyncio.Event()

    async def handler(_request: PaidRequest) -> PaidAnswer:
        await go_on.wait()
        return PaidAnswer(200, [], b"done")

    house.stub.handler = handler
    answering, quiet = await house.one(post(b"x")), await house.one(head("GET /ping HTTP/1.1"))
    assert (await quiet.answer())[0] == 200
    await eventually(lambda: house.edge.calls == 1)
    connections = list(house.edge.connections)
    assert len(connections) == 2
    for one in connections:
        one.shutdown()
    assert await quiet.is_over()
    go_on.set()
    _, headers, body = await answering.answer()
    assert (headers["connection"], body) == ("close", b"done")
    assert await answering.is_over()
    await eventually(lambda: not house.edge.connections)
