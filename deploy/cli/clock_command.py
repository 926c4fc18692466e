"""`tollgate clock`, `tollgate clock advance 31d`: business time of a running stack, shown and moved, as its operator.
There is none in production."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from deploy.local.runner.files import read_json

NAME = "clock"
EXIT_FAILED, EXIT_UNAVAILABLE = 1, 69
"""The second is EX_UNAVAILABLE of sysexits.h."""
AT_ONCE_SECONDS = 31 * 24 * 3600
LONGEST_SECONDS = 10 * 366 * 24 * 3600
PATIENCE_SECONDS = 1_000.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_AMOUNT = re.compile(r"([0-9]{1,9})([smhd])")
_OK, _CREATED = 200, 201


def run(arguments: Sequence[str]) -> None:
    """What follows `tollgate clock`."""
    given = _parser().parse_args(arguments)
    stack = _stack_in(given.data_dir.resolve())
    with httpx.Client(base_url=stack["gateway"], timeout=PATIENCE_SECONDS, trust_env=False) as http:
        _sign_in(http, stack["operator"])
        if given.verb == "advance":
            for seconds in portions(given.amount):
                _ask(http, "POST", "/advance", {"seconds": seconds})
        shown = _ask(http, "GET", "")
    ahead = f"{shown['ahead_seconds']} s ahead of real time" if shown["ahead_seconds"] else "real time"
    due = shown["next_due"] or "nothing"
    sys.stdout.write(f"{shown['now']}  ({ahead}; next due: {due})\n")


def amount_of(text: str) -> int:
    """Seconds of `31d`, `2h`, `15m` or `90s`."""
    found = _AMOUNT.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError("a whole number over zero and a unit (s, m, h, d), as 31d, 2h or 90s")
    return seconds


def portions(seconds: int) -> list[int]:
    """One advance moves at most 31 days."""
    whole, rest = divmod(seconds, AT_ONCE_SECONDS)
    return [AT_ONCE_SECONDS] * whole + ([rest] if rest else [])


def _parser() -> argparse.ArgumentParser:
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--data-dir",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="a stack's folder (default: .tollgate)",
    )
    parser = argparse.ArgumentParser(
        prog="tollgate clock", description="Business time of a running stack: shown, or moved.", parents=[where]
    )
    parser.set_defaults(data_dir=Path(".tollgate"))
    verbs = parser.add_subparsers(dest="verb", metavar="advance AMOUNT")
    advancing = verbs.add_parser("advance", help="move it on, doing all that falls due on the way", parents=[where])
    advancing.add_argument("amount", type=amount_of, metavar="AMOUNT", help="31d, 2h, 15m or 90s")
    return parser


def _stack_in(data: Path) -> dict[str, Any]:
    stack: dict[str, Any] | None = read_json(data / "stack.json")
    if stack is None:
        sys.stderr.write(f"No stack is running in {data}. Start it with `make run`.\n")
        raise SystemExit(EXIT_UNAVAILABLE)
    return stack


def _sign_in(http: httpx.Client, operator: dict[str, str]) -> None:
    token = _answered(http, "POST", "/api/v1/auth/login", operator)["token"]
    http.headers["authorization"] = f"Bearer {token}"


def _ask(http: httpx.Client, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return _answered(http, method, f"/api/v1/admin/test-clock{path}", body)


def _answered(http: httpx.Client, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    """The answer's JSON; a refusal is said and ends the command."""
    try:
        answer = http.request(method, path, json=body)
    except httpx.HTTPError as error:
        sys.stderr.write(f"The stack does not answer: {error!r}\n")
        raise SystemExit(EXIT_UNAVAILABLE) from None
    content: dict[str, Any] = answer.json()
    if answer.status_code not in (_OK, _CREATED):
        sys.stderr.write(f"{content['code']}: {content['detail']}\n")
        raise SystemExit(EXIT_FAILED)
    return content
