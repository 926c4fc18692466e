"""`python -m benchmarks [name ...] [--data-dir .tollgate] [--seconds 4] [--rounds 5] [--json FILE] [--markdown]`

Without a name it runs all, the idle stack's memory first. The stack is found by `stack.json`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import machine, report, wrk
from benchmarks.options import Options
from benchmarks.peers import DEFAULT_PEERS, PEERS
from benchmarks.report import BENCHES
from benchmarks.stack import NoStack, find_stack

DEFAULTS = Options()


def main() -> int:
    given = _parse()
    if given.read is not None:
        print(report.shown(json.loads(given.read.read_text()), markdown=given.markdown))
        return 0
    try:
        stack = find_stack(given.data_dir)
    except NoStack as missing:
        print(missing, file=sys.stderr)
        return 2
    results: dict[str, Any] = {"machine": machine.described(given.data_dir)}
    for name in (name for name in BENCHES if name in given.names):
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = BENCHES[name].measure(stack, _options(given))
    print(report.shown(results, markdown=given.markdown))
    if given.json is not None:
        given.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n\n")[2])
    parser.add_argument("names", nargs="*", default=list(BENCHES), metavar="|".join(BENCHES))
    parser.add_argument("--data-dir", type=Path, default=Path(".tollgate"), help="the stack's data folder")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--read", type=Path, help="measure nothing; show the figures of that file")
    parser.add_argument("--markdown", action="store_true", help="tables as the README has them")
    _add_lengths(parser)
    given = parser.parse_args()
    unknown = set(given.names) - set(BENCHES)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose from {', '.join(BENCHES)}")
    if given.load == "wrk" and not wrk.is_there():
        parser.error("there is no wrk on the PATH; --load python needs none")
    return given


def _add_lengths(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--seconds", type=float, default=DEFAULTS.seconds, help="how long each contestant's turn lasts")
    add("--rounds", type=int, default=DEFAULTS.rounds, help="how many rounds; the medians are reported")
    add("--at-once", type=int, nargs="+", default=DEFAULTS.at_once, help="paid_calls: connections")
    add("--peers", nargs="*", default=DEFAULT_PEERS, choices=list(PEERS), help="paid_calls: who is measured beside us")
    add("--load", choices=("wrk", "python"), help="the load generator; wrk where there is one")
    add("--flood", type=int, default=DEFAULTS.flood_per_second, help="refusals: bad calls a second")
    add("--streams", type=int, default=DEFAULTS.streams, help="streams: how many at once")
    add("--events", type=int, default=DEFAULTS.events_per_second, help="streams: events a second, of all together")
    add("--slow-readers", type=int, default=DEFAULTS.slow_readers, help="streams: callers that stop reading")
    add("--keys", type=int, default=DEFAULTS.keys, help="many_keys: how many")
    add("--assessments", type=int, default=DEFAULTS.assessments_per_second, help="assessments: how many a second")
    add("--calls", type=int, default=DEFAULTS.calls, help="many_keys: how many; the requirement speaks of 1000000")


def _options(given: argparse.Namespace) -> Options:
    return Options(
        seconds=given.seconds,
        rounds=given.rounds,
        at_once=tuple(given.at_once),
        peers=tuple(given.peers),
        generator=given.load or ("wrk" if wrk.is_there() else "python"),
        flood_per_second=given.flood,
        streams=given.streams,
        events_per_second=given.events,
        slow_readers=given.slow_readers,
        keys=given.keys,
        calls=given.calls,
        assessments_per_second=given.assessments,
    )


if __name__ == "__main__":
    sys.exit(main())
