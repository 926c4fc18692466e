"""Who takes part in a run: the bare upstream, the running stack, and every peer that can be had here."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.customer import Customer, Operator
from benchmarks.peers import PEERS
from benchmarks.peers.contract import Absent, Peer, Place
from benchmarks.stack import Stack
from benchmarks.started import running_upstream
from benchmarks.usage import Meter, Pids
from deploy.local.children import LaunchError

DIRECT, OURS = "direct", "tollgate"
OUR_PROGRAMS = ("gateway", "billing", "postgres", "redis")


@dataclass(frozen=True)
class Contestant:
    """One row of the table. `gateway` is what stands between caller and upstream, `programs` all that work for it."""

    name: str
    url: str
    headers: dict[str, str] = field(repr=False)
    gateway: str | None
    programs: tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """All who take part, and why the others do not."""

    contestants: list[Contestant]
    skipped: dict[str, str]
    customer: Customer
    meter: Meter


@contextmanager
def taking_part(stack: Stack, peers: Sequence[str], say: Callable[[str], None] = print) -> Iterator[Field]:
    """All started before the same upstream; ended, and what they made taken away, afterwards."""
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="tollgate-bench-")))
        upstream = ending.enter_context(running_upstream(folder))
        place = Place(upstream.origin, folder, stack.database_url)
        standing, skipped = _started(peers, place, ending, say)
        operator = Operator.of(stack)
        customer = operator.make_customer()
        sold = operator.selling(f"{upstream.origin}/bench", customer, price={"per_call": 1})
        ours = Contestant(OURS, f"{ending.enter_context(sold)}/chat", customer.headers, "gateway", OUR_PROGRAMS)
        direct = Contestant(DIRECT, f"{upstream.origin}/bench/chat", {}, None, ())
        sources: list[Callable[[], Pids]] = [stack.pids, lambda: {"upstream": upstream.pids}]
        meter = Meter(*sources, *(peer.pids for peer in standing))
        yield Field([direct, ours, *map(_contestant, standing)], skipped, customer, meter)


def _started(
    names: Sequence[str], place: Place, ending: ExitStack, say: Callable[[str], None]
) -> tuple[list[Peer], dict[str, str]]:
    standing: list[Peer] = []
    skipped: dict[str, str] = {}
    for name in names:
        peer = PEERS[name]()
        reason = peer.absent() or _start(peer, place, ending)
        if reason is None:
            standing.append(peer)
        else:
            skipped[name] = reason
            say(f"{name} is left out: {reason}")
    return standing, skipped


def _start(peer: Peer, place: Place, ending: ExitStack) -> str | None:
    """Why it did not start, or None."""
    ending.callback(peer.stop)
    try:
        peer.start(place)
    except (Absent, LaunchError) as failure:
        lines = str(failure).strip().splitlines()
        return " ".join(dict.fromkeys((lines[0], lines[-1])))
    return None


def _contestant(peer: Peer) -> Contestant:
    return Contestant(peer.name, peer.url, peer.headers, peer.gateway, (*peer.pids(), *peer.shared()))
