"""Whatever comes and goes in whatever order: nothing is lost or doubled, nobody is passed over twice."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.fair_queue import FairQueue

OWNERS = "abcd"
steps = st.lists(st.one_of(st.sampled_from(OWNERS), st.none(), st.just("put back")), max_size=120)


@given(steps)
def test_every_item_is_taken_once_and_in_its_owners_order(asked: list[str | None]) -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    model: dict[str, deque[tuple[str, int]]] = {owner: deque() for owner in OWNERS}
    last: tuple[str, int] | None = None
    for number, step in enumerate(asked):
        if step is None:
            last = queue.take(at=number)
            assert (last is None) == (not any(model.values()))
            if last is not None:
                assert model[last[0]].popleft() == last
        elif step != "put back":
            queue.add(step, (step, number), at=number)
            model[step].append((step, number))
            last = None
        elif last is not None:
            queue.put_back(last[0], last, arrived_at=last[1])
            model[last[0]].appendleft(last)
            last = None
        _agree(queue, model)


def _agree(queue: FairQueue[tuple[str, int]], model: dict[str, deque[tuple[str, int]]]) -> None:
    assert len(queue) == sum(len(line) for line in model.values())
    assert sorted(queue) == sorted(item for line in model.values() for item in line)
    for owner, line in model.items():
        assert queue.size_of(owner) == len(line)
        assert queue.oldest_of(owner) == (line[0][1] if line else None)


@given(st.lists(st.one_of(st.sampled_from(OWNERS), st.none()), max_size=200))
def test_between_two_turns_of_one_owner_everybody_who_waits_has_one(asked: list[str | None]) -> None:
    queue: FairQueue[str] = FairQueue()
    waits_through: dict[str, set[str]] = {}
    for number, step in enumerate(asked):
        if step is not None:
            queue.add(step, step, at=number)
            continue
        taken = queue.take(at=number)
        if taken is None:
            continue
        assert not waits_through.pop(taken, set()), "these waited all the while and were passed over"
        for passed_over in waits_through.values():
            passed_over.discard(taken)
        waits_through[taken] = {owner for owner in OWNERS if owner != taken and queue.size_of(owner)}


@given(st.lists(st.one_of(st.sampled_from(OWNERS), st.none()), max_size=200))
def test_no_turn_has_been_waited_for_longer_than_the_next(asked: list[str | None]) -> None:
    queue: FairQueue[str] = FairQueue()
    for number, step in enumerate(asked):
        if step is not None:
            queue.add(step, step, at=number)
        else:
            queue.take(at=number)
        since = [line.turn_since for line in queue._ring]
        assert since == sorted(since)
        assert queue.turn_since() == (since[0] if since else None)
