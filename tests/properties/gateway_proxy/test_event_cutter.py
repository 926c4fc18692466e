"""However a stream is cut into pieces, its events are the same and every byte comes out once."""

import time
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.domain.metering.event_stream import LAST_PART_BYTES, MAX_EVENT_BYTES, Event, EventCutter

LINES = st.sampled_from([b"data: a", b"data: {}", b"event: x", b": ping", b"data", b"datax: 1", b""])
BREAKS = st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r"])


def events_of(pieces: list[bytes]) -> list[Event]:
    cutter = EventCutter()
    events = [event for piece in pieces for event in cutter.feed(piece)]
    rest = cutter.rest()
    return [*events, rest] if rest is not None else events


@given(
    stream=st.lists(st.tuples(LINES, BREAKS), max_size=12).map(lambda parts: b"".join(a + b for a, b in parts)),
    cuts=st.lists(st.integers(0, 200), max_size=10),
)
def test_cuts_do_not_matter(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    cut = events_of(pieces)
    assert b"".join(event.raw for event in cut) == stream
    assert [event.data for event in cut if event.data] == [event.data for event in events_of([stream]) if event.data]


@given(
    sizes=st.lists(st.sampled_from([10, 1_000, MAX_EVENT_BYTES, MAX_EVENT_BYTES + 1, 2_500_000]), max_size=4),
    piece=st.sampled_from([16_000, 65_536, 1_000_000]),
)
@settings(max_examples=25, deadline=None)
def test_a_long_event_comes_in_bounded_parts_and_its_last_is_no_scrap(sizes: list[int], piece: int) -> None:
    stream = b"".join(b"data: " + b"x" * size + b"\n\n" for size in sizes)
    events = events_of([stream[start : start + piece] for start in range(0, len(stream), piece)])
    assert b"".join(event.raw for event in events) == stream
    assert sum(event.ends for event in events) == len(sizes)
    parts = [event for event in events if event.data is None]
    assert all(len(event.raw) <= MAX_EVENT_BYTES + piece for event in parts)
    assert all(len(event.raw) >= LAST_PART_BYTES for event in parts if event.ends)


def test_a_long_event_in_small_pieces_takes_no_longer_than_in_large_ones() -> None:
    """Looking through what waits already for each piece took 60 times as long for a mebibyte."""

    def seconds(size: int) -> float:
        cutter, began = EventCutter(), time.process_time()
        for _ in range(size // 16):
            cutter.feed(b"x" * 16)
        return time.process_time() - began

    assert seconds(1_000_000) < 40 * seconds(100_000)
