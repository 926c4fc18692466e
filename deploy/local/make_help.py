"""`make help`: the targets of the Makefile with the text that stands beside them."""

import re
import sys
from pathlib import Path

TARGET = re.compile(r"^([a-z-]+):[^#]*## (.+)$", re.MULTILINE)


def main(makefile: Path) -> None:
    print("Tollgate. Needed on the machine: Python 3.11 or newer, git, make.\n")
    for name, meaning in TARGET.findall(makefile.read_text()):
        print(f"  make {name:<10} {meaning}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
