"""What waits, fairly between its owners."""

from services.gateway.domain.fair_queue import FairQueue


def _taken(queue: FairQueue[str], number: int) -> list[str | None]:
    return [queue.take(at=9.0) for _ in range(number)]


def test_one_of_each_owner_in_turn_and_of_one_in_order_of_arrival() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        queue.add(item[0], item, at=1.0)
    assert len(queue) == 6
    assert _taken(queue, 7) == ["a1", "b1", "c1", "a2", "c2", "a3", None]
    assert len(queue) == 0


def test_a_flood_delays_another_by_one_turn() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(5_000):
        queue.add("flood", f"f{number}", at=1.0)
    queue.add("b", "b1", at=2.0)
    assert _taken(queue, 2) == ["f0", "b1"]


def test_what_is_put_back_comes_first_and_in_its_old_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1"):
        queue.add(item[0], item, at=1.0)
    assert _taken(queue, 3) == ["a1", "b1", "a2"]
    for item in ("a2", "b1", "a1"):
        queue.put_back(item[0], item, arrived_at=1.0)
    assert sorted(queue) == ["a1", "a2", "a3", "b1"]
    taken = _taken(queue, 4)
    assert [item for item in taken if item and item[0] == "a"] == ["a1", "a2", "a3"]
    assert "b1" in taken[:2]


def test_it_says_how_much_and_since_when_an_owner_waits() -> None:
    queue: FairQueue[str] = FairQueue()
    assert (queue.size_of("a"), queue.oldest_of("a"), queue.turn_since()) == (0, None, None)
    queue.add("a", "a1", at=1.0)
    queue.add("b", "b1", at=2.0)
    queue.add("a", "a2", at=3.0)
    assert (queue.size_of("a"), queue.oldest_of("a"), queue.turn_since()) == (2, 1.0, 1.0)
    queue.take(at=4.0)
    assert (queue.size_of("a"), queue.oldest_of("a"), queue.turn_since()) == (1, 3.0, 2.0)
    queue.take(at=5.0)
    assert (queue.size_of("b"), queue.oldest_of("b"), queue.turn_since()) == (0, None, 4.0)
