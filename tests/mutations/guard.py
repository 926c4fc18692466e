"""A guard, and how it is taken away."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Guard:
    """`text` stands exactly once in `file` (a path below the checkout); `without` stands there instead when the guard
    is taken away, and at least one of `tests` (pytest's node ids) must fail then."""

    name: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...]

    def source_without(self, source: str) -> str:
        """The file's source with the guard taken away. ValueError where its text does not stand there exactly once."""
        if source.count(self.text) != 1:
            raise ValueError(f"{self.name}: its text stands {source.count(self.text)} times in {self.file}")
        return source.replace(self.text, self.without)

    def take_away(self, checkout: Path) -> None:
        """Change the file."""
        path = checkout / self.file
        path.write_text(self.source_without(path.read_text("utf-8")), "utf-8")
