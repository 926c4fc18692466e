"""What a run of the benchmarks is told, with the lengths that its figures in the README were taken with."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.peers import DEFAULT_PEERS

Generator = Literal["wrk", "python"]


@dataclass(frozen=True)
class Options:
    """Seconds and rounds are those of each contestant at each concurrency."""

    seconds: float = 4.0
    rounds: int = 5
    at_once: tuple[int, ...] = (1, 32)
    peers: tuple[str, ...] = DEFAULT_PEERS
    generator: Generator = "python"
    flood_per_second: int = 1_000
    streams: int = 1_000
    events_per_second: int = 50
    slow_readers: int = 100
    keys: int = 10_000
    calls: int = 100_000
    assessments_per_second: int = 500
