"""The echo and its ways to misbehave."""

import asyncio
import base64
import time
from urllib.parse import urlsplit

import httpx
import pytest


async def raw(url: str, request: bytes) -> bytes:
    """What comes back on a plain socket until the other side ends the connection."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_echo_answers_what_it_was_sent(http: httpx.AsyncClient) -> None:
    answer = await http.request(
        "PATCH", "/echo/a/b?x=1&y=%20", content="häl".encode(), headers=[("X-One", "1"), ("x-one", "2")]
    )
    content = answer.json()
    assert content["method"] == "PATCH"
    assert content["path"] == "/a/b"
    assert content["query"] == "x=1&y=%20"
    assert content["headers"]["x-one"] == "1, 2"
    assert content["body"] == "häl" and "body_base64" not in content


@pytest.mark.parametrize("sent", ["/echo", "/echo/"])
async def test_path_of_the_route_itself_is_a_slash(http: httpx.AsyncClient, sent: str) -> None:
    assert (await http.get(sent)).json()["path"] == "/"


async def test_path_is_echoed_as_it_was_sent(upstream: str) -> None:
    head = b"GET /echo/a%20b;c=%252e//d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert b'"path":"/a%20b;c=%252e//d"' in await raw(upstream, head)


async def test_body_that_is_no_text_comes_as_base64(http: httpx.AsyncClient) -> None:
    content = (await http.post("/echo/x", content=b"\xff\x00")).json()
    assert content["body"] is None and base64.b64decode(content["body_base64"]) == b"\xff\x00"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_any_method_is_answered(http: httpx.AsyncClient, method: str) -> None:
    assert (await http.request(method, "/echo/any")).json()["method"] == method


async def test_head_has_no_body(http: httpx.AsyncClient) -> None:
    answer = await http.head("/echo/any")
    assert answer.status_code == 200 and answer.content == b"" and int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("size", [0, 1, 65_536, 200_000])
async def test_bytes_are_as_many_as_asked(http: httpx.AsyncClient, size: int) -> None:
    answer = await http.get(f"/echo/bytes/{size}")
    assert len(answer.content) == size == int(answer.headers["content-length"])


@pytest.mark.parametrize("code", [200, 201, 400, 404, 429, 500, 503, 599])
async def test_status_is_as_asked(http: httpx.AsyncClient, code: int) -> None:
    answer = await http.get(f"/echo/status/{code}")
    assert answer.status_code == code and answer.json()["path"] == f"/status/{code}"


async def test_status_without_a_body_has_none(http: httpx.AsyncClient) -> None:
    assert (await http.get("/echo/status/204")).content == b""


async def test_redirect_names_a_place(http: httpx.AsyncClient) -> None:
    answer = await http.get("/echo/status/302")
    assert answer.status_code == 302 and answer.headers["location"] == "/echo/elsewhere"


@pytest.mark.parametrize("path", ["/status/99", "/status/600", "/bytes/9999999999", "/delay/120001", "/stream/100001"])
async def test_numbers_have_bounds(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(f"/echo{path}")
    assert answer.status_code == 400 and "bounds" in answer.json()["error"]


async def test_delay_passes_before_the_answer(http: httpx.AsyncClient) -> None:
    began = time.monotonic()
    content = (await http.post("/echo/delay/120", content=b"x")).json()
    assert time.monotonic() - began >= 0.12 and content["body"] == "x"


async def test_stream_comes_piece_by_piece(http: httpx.AsyncClient) -> None:
    began, arrivals, text = time.monotonic(), [], ""
    async with http.stream("GET", "/echo/stream/3?interval_ms=60") as answer:
        async for piece in answer.aiter_text():
            arrivals.append(time.monotonic() - began)
            text += piece
    assert text == "chunk 1\nchunk 2\nchunk 3\n"
    assert arrivals[-1] - arrivals[0] >= 0.1


async def test_stream_pieces_have_the_size_asked_for(http: httpx.AsyncClient) -> None:
    assert len((await http.get("/echo/stream/4?interval_ms=0&bytes=1000")).content) == 4000


async def test_units_are_named_in_a_header(http: httpx.AsyncClient) -> None:
    assert (await http.get("/echo/units/7")).headers["x-usage-units"] == "7"


async def test_drop_ends_the_connection_without_an_answer(upstream: str) -> None:
    assert await raw(upstream, b"POST /echo/drop HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi") == b""


async def test_drop_in_the_middle_leaves_a_body_short(http: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get("/echo/drop?after=1000")


async def test_ping_and_counting_work_and_are_not_counted(http: httpx.AsyncClient) -> None:
    assert (await http.get("/ping")).status_code == 200
    await http.get("/echo/one")
    assert (await http.get("/calls")).json() == {"total": 1, "paths": {"/echo/one": 1}}
