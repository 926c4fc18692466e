"""However a stream is cut into pieces, its events are the same and every byte comes out once."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.metering.event_stream import Event, EventCutter

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
