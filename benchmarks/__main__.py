"""`python -m benchmarks [memory] [paid_calls] [--data-dir .tollgate] [--seconds 4] [--rounds 5] [--json FILE]`

Without a name it runs all, the idle stack's memory first. The stack is found by `stack.json`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import machine, memory, paid_calls
from benchmarks.stack import NoStack, find_stack

ALL = ("memory", "paid_calls")


def main() -> int:
    options = _parse()
    try:
        stack = find_stack(options.data_dir)
    except NoStack as missing:
        print(missing, file=sys.stderr)
        return 2
    results: dict[str, Any] = {"machine": machine.described(options.data_dir)}
    print(machine.as_text(results["machine"]))
    if "memory" in options.names:
        results["memory"] = memory.measure(stack)
        print(memory.as_text(results["memory"]))
    if "paid_calls" in options.names:
        results["paid_calls"] = paid_calls.measure(stack, seconds=options.seconds, rounds=options.rounds)
        print(paid_calls.as_text(results["paid_calls"]))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n\n")[2])
    parser.add_argument("names", nargs="*", default=ALL, metavar="memory|paid_calls")
    parser.add_argument("--data-dir", type=Path, default=Path(".tollgate"), help="the stack's data folder")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each round of calls lasts")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds; the medians are reported")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    unknown = set(options.names) - set(ALL)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose from {', '.join(ALL)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
