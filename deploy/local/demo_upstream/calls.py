"""How many requests arrived, by path. Bounded: past `MOST_PATHS` different ones, the rest is counted together."""

from collections import Counter

MOST_PATHS = 10_000
LONGEST_PATH = 200
OTHERS = "(others)"


class Calls:
    """The counters of one process. A request counts when it arrives, whatever becomes of it."""

    def __init__(self) -> None:
        self._by_path: Counter[str] = Counter()

    def count(self, path: str) -> None:
        name = path[:LONGEST_PATH]
        is_room = name in self._by_path or len(self._by_path) < MOST_PATHS
        self._by_path[name if is_room else OTHERS] += 1

    def as_json(self, prefix: str) -> dict[str, object]:
        """`{total, paths}` of the paths that begin with `prefix` (all, if it is empty)."""
        paths = {path: count for path, count in self._by_path.items() if path.startswith(prefix)}
        return {"total": sum(paths.values()), "paths": paths}
