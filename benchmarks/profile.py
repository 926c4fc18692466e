"""`python -m benchmarks.profile [gateway|billing|...] [--data-dir .tollgate] [--seconds 10] [--native]`

Draws a flame graph of one program of the running stack while paid calls keep it busy, by py-spy, and prints where its
time goes. py-spy is taken from the PATH, else fetched into `.bench/`; it needs the right to look into the process.
"""

import argparse
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

from benchmarks import py_spy, wrk
from benchmarks.contestants import OURS, taking_part
from benchmarks.options import Generator
from benchmarks.paid_calls import ask
from benchmarks.stack import NoStack, Stack, find_stack
from benchmarks.started import CACHE

AT_ONCE = 32
WARM_UP_SECONDS = 2.0
MARGIN_SECONDS = 4.0
MOST_LINES = 30
EVERYWHERE = 0.9  # a function on so many stacks tells nothing
WAITS = "_worker (concurrent/futures/thread.py"  # a thread that waits for work, now and then taken for a busy one


def main() -> int:
    given = _parse()
    try:
        stack = find_stack(given.data_dir)
        program = py_spy.found()
        recorded = _record(stack, program, given)
    except (NoStack, py_spy.NoProfiler) as missing:
        print(missing, file=sys.stderr)
        return 2
    print(told(recorded))
    print(f"\nThe flame graph: {given.out}")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__.partition("\n\n")[2])
    parser.add_argument("program", nargs="?", default="gateway", help="a name in stack.json's services")
    parser.add_argument("--data-dir", type=Path, default=Path(".tollgate"), help="the stack's data folder")
    parser.add_argument("--seconds", type=int, default=10, help="how long each of the two recordings lasts")
    parser.add_argument("--native", action="store_true", help="functions of C and Cython, too")
    parser.add_argument("--out", type=Path, help="the picture; .bench/profile-{program}.svg if left out")
    given = parser.parse_args()
    given.out = given.out or CACHE / f"profile-{given.program}.svg"
    return given


def _record(stack: Stack, program: str, given: argparse.Namespace) -> str:
    """The stacks as text, once the picture is drawn: two recordings, for py-spy writes one form at a time."""
    pids = stack.pids().get(given.program)
    if not pids:
        raise NoStack(f"There is no {given.program} in the stack; there are: {', '.join(stack.pids())}.")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with taking_part(stack, ()) as field, tempfile.TemporaryDirectory() as folder:
        ours = next(one for one in field.contestants if one.name == OURS)
        generator: Generator = "wrk" if wrk.is_there() else "python"
        ask(ours, generator, connections=AT_ONCE, seconds=WARM_UP_SECONDS)
        raw = Path(folder) / "stacks.txt"
        for form, file in (("flamegraph", given.out), ("raw", raw)):
            load_seconds = given.seconds + MARGIN_SECONDS
            load = threading.Thread(
                target=ask, args=(ours, generator), kwargs={"connections": AT_ONCE, "seconds": load_seconds}
            )
            load.start()
            try:
                py_spy.record(program, pids[0], file, form=form, seconds=given.seconds, native=given.native)
            finally:
                load.join()
        return raw.read_text()


def told(stacks: str) -> str:
    """Of folded stacks (`frame;frame;frame samples`): where the time is spent, and what is on the stack meanwhile."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        on_stack, samples = frames.split(";"), int(count)
        if on_stack[-1].startswith(WAITS):
            continue
        own[on_stack[-1]] += samples
        whole.update(dict.fromkeys(on_stack, samples))
    places: Counter[str] = Counter()
    for frame, samples in own.items():
        places[_place(frame)] += samples
    everything = max(1, own.total())
    below = Counter({frame: samples for frame, samples in whole.items() if samples < EVERYWHERE * everything})
    parts = [("By place", places), ("Functions, without what they call", own), ("Functions, with it", below)]
    return f"{everything:,} samples.\n" + "\n".join(_list(title, counts, everything) for title, counts in parts)


def _list(title: str, counts: Counter[str], everything: int) -> str:
    lines = [f"{samples / everything:7.1%}  {name}" for name, samples in counts.most_common(MOST_LINES)]
    return "\n".join(["", title, *lines])


def _place(frame: str) -> str:
    """The file of ours, or the package of others."""
    file = frame.rpartition("(")[2].rstrip(")").rpartition(":")[0] or frame.rpartition("(")[2].rstrip(")")
    if "site-packages/" in file:
        file = file.rpartition("site-packages/")[2]
    return file if file.startswith(("services/", "shared/")) else f"[{file.partition('/')[0] or file}]"


if __name__ == "__main__":
    sys.exit(main())
