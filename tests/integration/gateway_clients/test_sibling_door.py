"""What goes out through a sibling's door, and how its answer comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from services.gateway.clients import sibling_door
from services.gateway.clients.http1 import ExchangeFailed
from services.gateway.clients.sibling_door import SiblingDoor, asked_from
from shared.service_auth import Caller, Verifier, public_key_of
from tests.integration.gateway_clients.peer import OK, Act, Peer, answering, peer, read_head
from tests.support.keys import SEEDS, minter

CHUNKED = b"HTTP/1.1 404 Not Found\r\nSignature: s=:QQ==:\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
CALLER = Caller(
    "acc_1",
    "customer",
    tier="verified",
    mailbox_hash="aa11",
    ip="203.0.113.9",
    user_agent="curl/8 (x)",
    session_hash="bb22",
)


@contextlib.asynccontextmanager
async def door_to(act: Act, below: str = "") -> AsyncIterator[tuple[Peer, SiblingDoor]]:
    async with peer(act) as made:
        door = SiblingDoor(made.url + below, audience="licensing", minter=minter(), most_connections=2, most_waiting=2)
        try:
            yield made, door
        finally:
            await door.close()


def _headers(head: bytes) -> dict[bytes, bytes]:
    return dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])


async def test_a_request_goes_on_byte_for_byte_on_its_callers_behalf() -> None:
    async with door_to(answering(OK), "/inner/") as (made, door):
        headers = ((b"content-type", b"text/x"), *door.on_behalf_of(CALLER, "req_1"))
        told = await door.send("POST", b"/a%2Fb?c=%20&c=", headers, b"")
    assert told == (200, [(b"content-length", b"2")], b"ok")
    assert made.heads[0].startswith(b"POST /inner/a%2Fb?c=%20&c= HTTP/1.1\r\n")
    said = _headers(made.heads[0])
    assert said[b"host"] == made.url.removeprefix("http://").encode()
    assert said[b"content-length"] == b"0"
    assert said[b"content-type"] == b"text/x"
    assert said[b"x-request-id"] == b"req_1"
    assert said[b"x-tollgate-caller-ip"] == b"203.0.113.9"
    assert (said[b"x-tollgate-user-agent"], said[b"x-tollgate-session"]) == (b"curl/8 (x)", b"bb22")
    verified = Verifier("licensing", {"gateway": public_key_of(SEEDS["gateway"])}).verify(
        said[b"authorization"].removeprefix(b"Bearer ").decode()
    )
    assert verified == Caller("acc_1", "customer", tier="verified", mailbox_hash="aa11")


async def test_nobodys_request_bears_no_token_and_a_get_no_length() -> None:
    async with door_to(answering(OK)) as (made, door):
        await door.send("GET", b"/x", asked_from(None, "req_2"), b"")
    assert set(_headers(made.heads[0])) == {b"host", b"x-request-id"}


async def test_an_answer_in_chunks_comes_back_whole_with_its_headers() -> None:
    async with door_to(answering(CHUNKED)) as (made, door):
        for _ in range(2):
            told = await door.send("GET", b"/x", (), b"")
            assert (told.status, told.body) == (404, b"abc")
            assert (b"Signature", b"s=:QQ==:") in told.headers
    assert made.connections == 1


async def test_an_answer_past_all_bounds_fails_and_its_connection_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(_made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_head(reader):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
            await asyncio.sleep(0.01)
            writer.write(b"abc")

    monkeypatch.setattr(sibling_door, "_MOST_SENT_BACK", 2)
    async with door_to(act) as (made, door):
        for _ in range(2):
            with pytest.raises(ExchangeFailed):
                await door.send("GET", b"/x", (), b"")
    assert made.connections == 2
