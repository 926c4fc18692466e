"""What is said once everything answers: where it is, who the operator is, the story to paste."""

from pathlib import Path

from deploy.local.runner.story import story


def greeting(*, gateway: str, operator: dict[str, str], mail: str | None, stack_file: Path, seconds: float) -> str:
    lines = [
        f"\nReady after {seconds:.1f} s. Ctrl-C stops everything; `make demo` tells the story below.\n",
        f"  Gateway        {gateway}   (API: {gateway}/docs)",
        *([f"  Mail           {mail}"] if mail else []),
        f"  Operator       {operator['email']}, password {operator['password']}",
        f"  All addresses  {stack_file}\n",
        f"{story(gateway)}\n",
    ]
    return "\n".join(lines)
