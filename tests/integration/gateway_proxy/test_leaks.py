"""A paid call that is cancelled at each of its suspensions in turn leaves nothing behind: no open hold, no charge of a
call that got no answer, no task."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine, Generator
from types import CoroutineType
from typing import Any

import pytest

from services.gateway.domain.request_head import RequestHead
from services.gateway.use_cases.admin_routes import PriceParts
from services.gateway.use_cases.paid_call.request import PaidRequest, Presence
from shared.ids import new_id
from tests.integration.gateway_proxy.conftest import CLOCK, CREDIT, Customer, MakePlatform, Platform
from tests.support.http import eventually

FULL = 5_000 * CREDIT
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MOST_SUSPENSIONS = 200


class CancelledAt:
    """Runs a coroutine and cancels its task at the coroutine's n-th suspension."""

    def __init__(self, coroutine: Coroutine[Any, Any, bool], nth: int) -> None:
        self._coroutine = coroutine
        self._left = nth

    def __await__(self) -> Generator[Any, Any, bool]:
        step: Callable[[], Any] = lambda: self._coroutine.send(None)  # noqa: E731
        while True:
            try:
                waited_for = step()
            except StopIteration as end:
                return bool(end.value)
            self._left -= 1
            if self._left == 0:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield waited_for
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's
                step = _thrown(self._coroutine, error)
            else:
                step = lambda: self._coroutine.send(None)  # noqa: E731


def _thrown(coroutine: Coroutine[Any, Any, bool], error: BaseException) -> Callable[[], Any]:
    return lambda: coroutine.throw(error)


def request_of(customer: Customer, path: str, body: dict[str, Any] | None, key: str | None) -> PaidRequest:
    content = b"" if body is None else json.dumps(body).encode()
    headers = [(b"host", b"x"), (b"x-api-key", customer.key.encode())]
    headers += [(b"content-length", b"%d" % len(content))] if body is not None else []
    headers += [(b"idempotency-key", key.encode())] if key is not None else []
    raw_path = path.encode()
    head = RequestHead("POST" if body else "GET", "1.1", raw_path, raw_path=raw_path, query=b"", headers=headers)
    return PaidRequest(new_id("req", at=CLOCK.real_now()), head, headers, "127.0.0.1", content, Presence())


async def answered(platform: Platform, request: PaidRequest) -> bool:
    answer = await platform.gateway.paid.call(request)
    if not isinstance(answer.body, bytes):
        async with contextlib.aclosing(answer.body) as pieces:
            async for _ in pieces:
                pass
    return True


async def run_cancelled(platform: Platform, request: PaidRequest, nth: int) -> bool:
    """Whether it was answered; False where it was cancelled first."""

    async def run() -> bool:
        return await CancelledAt(answered(platform, request), nth)

    task = asyncio.create_task(run())
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return False


CALLS = {
    "known price": ("/proxy/echo/x", None, CREDIT),
    "known price, reversed": ("/proxy/echo/status/500", None, 0),
    "metered": ("/proxy/demo/chat/completions", CHAT, 10),
    "metered, released": ("/proxy/demo/status/404", CHAT, 0),
    "streamed": ("/proxy/demo/chat/completions", {**CHAT, "stream": True}, 10),
}


@pytest.mark.parametrize("with_key", [False, True])
@pytest.mark.parametrize("name", CALLS)
async def test_a_call_cancelled_at_any_suspension_leaves_nothing(
    make_platform: MakePlatform, name: str, with_key: bool
) -> None:
    path, body, cost = CALLS[name]
    platform = await make_platform(key_calls_per_minute=1_000_000, key_calls_per_day=1_000_000)
    await platform.route("echo", price=PriceParts(per_call=CREDIT))
    await platform.route("demo", price=PriceParts(per_1000_tokens=CREDIT))
    customer = await platform.customer()
    expected = FULL
    await answered(platform, request_of(customer, path, body, None))
    expected -= cost
    await platform.settled(customer.account_id, expected)
    before = asyncio.all_tasks()
    for nth in range(1, MOST_SUSPENSIONS):
        key = f"key-{nth}" if with_key else None
        is_answered = await run_cancelled(platform, request_of(customer, path, body, key), nth)
        expected -= cost if is_answered else 0
        await platform.settled(customer.account_id, expected)
        if is_answered:
            break
    else:
        pytest.fail("the call never ended")
    assert nth > 3, "it was cancelled somewhere"
    await eventually(lambda: not [task for task in asyncio.all_tasks() - before if _is_the_gateways(task)])


@pytest.mark.parametrize("with_key", [False, True])
async def test_who_breaks_off_with_the_last_byte_in_hand_has_had_his_answer(platform: Platform, with_key: bool) -> None:
    """Where the length is known nothing comes after it: what was delivered stays charged."""
    await platform.route("echo", price=PriceParts(per_call=CREDIT))
    customer = await platform.customer()
    request = request_of(customer, "/proxy/echo/halves", None, "key" if with_key else None)
    answer = await platform.gateway.paid.call(request)
    assert not isinstance(answer.body, bytes)
    assert await anext(answer.body) == b"half"
    platform.upstream.go_on.set()
    assert await anext(answer.body) == b"half"
    await answer.body.aclose()
    assert not platform.gateway.paid._desk.undo._waiting
    await platform.settled(customer.account_id, FULL - CREDIT)


async def test_who_breaks_off_before_the_last_byte_gets_his_credits_back(platform: Platform) -> None:
    await platform.route("echo", price=PriceParts(per_call=CREDIT))
    customer = await platform.customer()
    answer = await platform.gateway.paid.call(request_of(customer, "/proxy/echo/halves", None, None))
    assert not isinstance(answer.body, bytes)
    assert await anext(answer.body) == b"half"
    await answer.body.aclose()
    await platform.settled(customer.account_id, FULL)


def _is_the_gateways(task: asyncio.Task[Any]) -> bool:
    """The test's own, and those of its servers' connections, are not."""
    coroutine = task.get_coro()
    return isinstance(coroutine, CoroutineType) and "/services/gateway/" in coroutine.cr_code.co_filename
