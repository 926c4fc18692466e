"""Which open calls billing is told of, once a second."""

from dataclasses import dataclass, field

from services.gateway.use_cases.paid_call.progress import Progress


@dataclass(eq=False)
class Stream:
    """An open call that has streamed so many tokens."""

    tokens: int = 0
    said: int = -1
    told: list[int] = field(default_factory=list)

    def has_progressed(self) -> bool:
        return self.tokens != self.said

    async def tell_progress(self) -> None:
        self.told.append(self.tokens)
        self.said = self.tokens


async def test_only_what_moved_is_told() -> None:
    progress, moving, still = Progress(), Stream(5), Stream(0, said=0)
    progress.watch(moving)
    progress.watch(still)
    await progress.tell_all()
    await progress.tell_all()
    moving.tokens = 7
    await progress.tell_all()
    assert (moving.told, still.told) == ([5, 7], [])


async def test_what_has_ended_is_told_no_more() -> None:
    progress, stream = Progress(), Stream(5)
    progress.watch(stream)
    progress.forget(stream)
    progress.forget(stream)
    await progress.tell_all()
    assert stream.told == []


async def test_a_thousand_streams_are_all_told() -> None:
    progress, streams = Progress(), [Stream(number) for number in range(1_000)]
    for stream in streams:
        progress.watch(stream)
    await progress.tell_all()
    assert [stream.told for stream in streams] == [[number] for number in range(1_000)]
