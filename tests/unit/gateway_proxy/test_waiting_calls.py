"""Who waits for the limits is taken a key of each account in turn."""

import asyncio

from services.gateway.domain.account import Identity
from services.gateway.domain.admission import Judgement, allowance_of
from services.gateway.domain.api_key_limits import Limits
from services.gateway.domain.key_record import KeyRecord
from services.gateway.use_cases.paid_call.waiting_calls import Verdict, WaitingCalls

ALLOWANCE = allowance_of(100, None)


def record(account: str, key: str) -> KeyRecord:
    identity = Identity(account, "customer", "new", "active", None, "", "")
    return KeyRecord(key, identity, ("proxy",), (), Limits(100, None), None, None)


def wait(waiting: WaitingCalls, account: str, key: str) -> Verdict:
    verdict: Verdict = asyncio.get_running_loop().create_future()
    waiting.add(record(account, key), ALLOWANCE, verdict)
    return verdict


async def test_a_flood_of_keys_takes_one_place_while_others_wait() -> None:
    waiting = WaitingCalls()
    for number in range(100):
        wait(waiting, "flood", f"f{number}")
    wait(waiting, "small", "s0")
    wait(waiting, "other", "o0")
    assert [calls.key_id for calls in waiting.next_batch(4)] == ["f0", "s0", "o0", "f1"]
    assert [calls.key_id for calls in waiting.next_batch(2)] == ["f2", "f3"]


async def test_calls_of_one_key_are_one_question_with_an_answer_each() -> None:
    waiting = WaitingCalls()
    verdicts = [wait(waiting, "a", "k") for _ in range(3)]
    [calls] = waiting.next_batch(128)
    assert calls.times == 3 and not waiting
    calls.answer(Judgement(ALLOWANCE, 3, 2, (0,), 1, 0))
    said = [verdict.result() for verdict in verdicts]
    assert [one.units[0] // 60_000 for one in said if one is not None] == [1, 0, 0]
    assert [one.decision for one in said if one is not None] == [0, 0, 1]


async def test_who_gave_up_is_not_counted() -> None:
    waiting = WaitingCalls()
    gone, there, alone = wait(waiting, "a", "k"), wait(waiting, "a", "k"), wait(waiting, "b", "l")
    gone.cancel()
    alone.cancel()
    [calls] = waiting.next_batch(128)
    assert (calls.times, calls.verdicts) == (1, [there])
