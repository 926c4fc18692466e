"""Tables of figures, for the terminal and for Markdown, and what was asked beside what was reached."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Cells are texts already. The first column is aligned left, the others right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def as_text(self) -> str:
        widths = [max(len(row[at]) for row in (self.columns, *self.rows)) for at in range(len(self.columns))]
        lines = [self.title, *(_aligned(row, widths) for row in (self.columns, *self.rows)), *self.notes]
        return "\n".join(lines)

    def as_markdown(self) -> str:
        head = [self.columns, ["---", *("---:" for _ in self.columns[1:])]]
        lines = [f"| {' | '.join(row)} |" for row in (*head, *self.rows)]
        notes = "".join(f"\n\n{note}" for note in self.notes)
        return f"**{self.title}**\n\n" + "\n".join(lines) + notes


@dataclass(frozen=True)
class Asked:
    """One line of what was asked. `held` is None where it could not be measured."""

    what: str
    asked: str
    reached: str
    held: bool | None


def asked_table(lines: Sequence[Asked]) -> Table:
    words = {True: "yes", False: "NO", None: "not measured"}
    rows = [[line.what, line.asked, line.reached, words[line.held]] for line in lines]
    return Table("Asked and reached", ("", "asked", "reached", "held"), rows)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
    return "  ".join(cells).rstrip()
