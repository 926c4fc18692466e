"""What waits is taken in order within an account, in turns between them, and an account once at a time."""

from types import SimpleNamespace
from typing import Any

from services.billing.use_cases.posting.waiting import Waiting


def put(waiting: Waiting, *accounts: str) -> list[Any]:
    asks: list[Any] = [SimpleNamespace(item=SimpleNamespace(account_id=account_id)) for account_id in accounts]
    for ask in asks:
        waiting.put(ask)
    return asks


def test_a_batch_is_bounded_in_order_and_leaves_nobody_out_for_a_flood() -> None:
    waiting = Waiting()
    flood = put(waiting, *["a"] * 20)
    put(waiting, "b", "c", "c")
    taken = waiting.take(9)
    assert {account_id: len(asks) for account_id, asks in taken.items()} == {"a": 3, "b": 1, "c": 2}
    assert taken["a"] == flood[:3] and waiting.size == 17
    waiting.done(taken)
    assert waiting.take(100) == {"a": flood[3:]} and waiting.size == 0


def test_an_account_whose_items_are_being_posted_waits_for_their_verdicts() -> None:
    waiting = Waiting()
    [first] = put(waiting, "a")
    assert waiting.take(10) == {"a": [first]}
    second, third, other = put(waiting, "a", "a", "b")
    assert waiting.ready == 1 and waiting.of("a") == 2
    assert waiting.take(10) == {"b": [other]}
    assert waiting.take(10) == {} and waiting.ready == 0
    waiting.done(["a"])
    assert waiting.take(10) == {"a": [second, third]}
    waiting.done(["a", "b"])
    assert (waiting.ready, waiting.size) == (0, 0)


def test_who_was_just_posted_goes_behind_who_waits() -> None:
    waiting = Waiting()
    put(waiting, "a", "a", "b", "b")
    assert list(waiting.take(2)) == ["a", "b"]
    put(waiting, "c")
    waiting.done(["b", "a"])
    assert list(waiting.take(9)) == ["c", "b", "a"]
