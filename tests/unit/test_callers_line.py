"""The callers' own connection in `tests/e2e`: what a crowd says that it was told hangs on it."""

import asyncio
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.e2e.wire import Left, Line

_ANSWERS_AFTER = 0.1
_LEAVES_AFTER = 0.2
_IS_BUSY_FOR = 0.4
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


class _Upstream(socketserver.StreamRequestHandler):
    """Answers `/soon`, and `/crossing` when its caller has hung up; nothing else."""

    def handle(self) -> None:
        target = self.rfile.readline().split()[1]
        while self.rfile.readline().strip():
            pass
        if target == b"/soon":
            time.sleep(_ANSWERS_AFTER)
            self.wfile.write(_ANSWER)
        self.rfile.read()
        if target == b"/crossing":
            self.wfile.write(_ANSWER)


@pytest.fixture
def line() -> Iterator[Line]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Upstream) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield Line(f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
        serving.join()


async def test_who_is_woken_late_takes_what_came_before_he_hangs_up(line: Line) -> None:
    asyncio.get_running_loop().call_later(_ANSWERS_AFTER / 2, time.sleep, _IS_BUSY_FOR)
    reply = await line.ask("GET", "/soon", {}, leave_after=_LEAVES_AFTER)
    assert reply.body == b"hi"
    line.close()


async def test_an_answer_that_crosses_his_hanging_up_was_told(line: Line) -> None:
    assert (await line.ask("GET", "/crossing", {}, leave_after=_LEAVES_AFTER)).body == b"hi"


async def test_who_was_told_nothing_hangs_up(line: Line) -> None:
    with pytest.raises(Left):
        await line.ask("GET", "/never", {}, leave_after=_LEAVES_AFTER)
