"""What the runner says. A closed terminal or a full disk behind a redirection never stops the stack."""

import sys
import time
from contextlib import suppress


def say(line: str = "") -> None:
    with suppress(OSError, ValueError):
        print(line, flush=True)


def say_ready(name: str, seconds: float, url: str = "") -> None:
    say(f"  {name:<15} ready {seconds:5.1f} s   {url}".rstrip())


def say_event(line: str) -> None:
    """Something that happened while the stack runs, with its time."""
    say(f"{time.strftime('%H:%M:%S')} {line}")


def complain(text: str) -> None:
    with suppress(OSError, ValueError):
        print(f"\n{text}", file=sys.stderr, flush=True)
