"""Stripe's objects as JSON, by id and in pages."""

import json
import sqlite3
from dataclasses import dataclass, field

from deploy.stripe_sandbox.domain.values import Json


@dataclass(frozen=True)
class Page:
    """Which objects of a kind are wanted, newest first.

    `equal` compares fields of the body (`customer`, `customer_details.email`), `hidden` fields that no answer
    shows, `among` one field with several values, `created` the creation time (`gt`, `gte`, `lt`, `lte`). `after` and
    `before` are ids of the kind.
    """

    kind: str
    limit: int
    equal: dict[str, object] = field(default_factory=dict)
    hidden: dict[str, object] = field(default_factory=dict)
    among: dict[str, list[str]] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)
    after: str | None = None
    before: str | None = None
    delivered: bool | None = None


_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Objects:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def insert(self, body: Json, *, hidden: Json | None = None) -> None:
        """Keeps a new object; of Stripe's, invoice items alone call their creation a `date`."""
        self._connection.execute(
            "INSERT INTO objects (id, kind, created, body, hidden) VALUES (?, ?, ?, ?, ?)",
            (
                body["id"],
                body["object"],
                body["date"] if body["object"] == "invoiceitem" else body["created"],
                _text(body),
                None if hidden is None else _text(hidden),
            ),
        )

    def add_line_items(self, session_id: str, items: list[Json], *, now: int) -> None:
        """Line items bear neither a time nor their session; both are kept beside them."""
        for item in items:
            self._connection.execute(
                "INSERT INTO objects (id, kind, created, body, hidden) VALUES (?, ?, ?, ?, ?)",
                (item["id"], f"item:{session_id}", now, _text(item), None),
            )

    def line_items(self, session_id: str) -> list[Json]:
        rows = self._connection.execute("SELECT body FROM objects WHERE kind = ? ORDER BY seq", (f"item:{session_id}",))
        return [json.loads(row[0]) for row in rows]

    def get(self, kind: str, object_id: str) -> Json | None:
        """The object, or what remains of a deleted one."""
        row = self._connection.execute(
            "SELECT body FROM objects WHERE id = ? AND kind = ?", (object_id, kind)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def hidden(self, object_id: str) -> Json:
        row = self._connection.execute("SELECT hidden FROM objects WHERE id = ?", (object_id,)).fetchone()
        return {} if row is None or row[0] is None else json.loads(row[0])

    def hide(self, object_id: str, **facts: object) -> None:
        """Adds to what is kept beside an object and shown in no answer."""
        hidden = {**self.hidden(object_id), **facts}
        self._connection.execute("UPDATE objects SET hidden = ? WHERE id = ?", (_text(hidden), object_id))

    def save(self, body: Json) -> None:
        self._connection.execute("UPDATE objects SET body = ? WHERE id = ?", (_text(body), body["id"]))

    def remove(self, stub: Json) -> None:
        """Deletes an object for lists; `stub` is what its id answers from now on."""
        self._connection.execute(
            "UPDATE objects SET body = ?, hidden = NULL, deleted = 1 WHERE id = ?", (_text(stub), stub["id"])
        )

    def page(self, page: Page) -> tuple[list[Json], bool]:
        """At most `limit` objects, newest first, and whether there are more in the direction of travel."""
        where = ["kind = ?", "deleted = 0"]
        values: list[object] = [page.kind]
        self._filter(page, where, values)
        backwards = page.before is not None
        if page.after is not None:
            where.append("seq < (SELECT seq FROM objects WHERE id = ?)")
            values.append(page.after)
        if page.before is not None:
            where.append("seq > (SELECT seq FROM objects WHERE id = ?)")
            values.append(page.before)
        rows = self._connection.execute(
            f"SELECT body FROM objects WHERE {' AND '.join(where)} "  # noqa: S608 - names are ours, values are bound
            f"ORDER BY seq {'ASC' if backwards else 'DESC'} LIMIT ?",
            (*values, page.limit + 1),
        ).fetchall()
        found = [json.loads(row[0]) for row in rows[: page.limit]]
        return (found[::-1] if backwards else found), len(rows) > page.limit

    def with_value(self, kind: str, path: str, value: str) -> list[Json]:
        """All objects of the kind whose field has this value, the oldest first. The path stands in the text, not in
        a parameter: only so do the indexes by a field serve."""
        rows = self._connection.execute(
            f"SELECT body FROM objects WHERE kind = ? AND deleted = 0 AND json_extract(body, '$.{path}') = ? "  # noqa: S608 - paths are ours
            "ORDER BY seq",
            (kind, value),
        )
        return [json.loads(row[0]) for row in rows]

    def _filter(self, page: Page, where: list[str], values: list[object]) -> None:
        for path, value in page.equal.items():
            where.append(f"json_extract(body, '$.{path}') = ?")
            values.append(value)
        for path, value in page.hidden.items():
            where.append(f"json_extract(hidden, '$.{path}') = ?")
            values.append(value)
        for path, options in page.among.items():
            where.append(f"json_extract(body, '$.{path}') IN ({', '.join('?' * len(options))})")
            values.extend(options)
        for comparison, instant in page.created.items():
            where.append(f"created {_COMPARISONS[comparison]} ?")
            values.append(instant)
        if page.delivered is not None:
            undelivered = "SELECT event_id FROM deliveries WHERE state <> 'delivered'"
            where.append(f"id {'NOT IN' if page.delivered else 'IN'} ({undelivered})")

    def due_sessions(self, *, now: int, limit: int) -> list[Json]:
        """Open sessions whose time has passed, the longest overdue first (index open_sessions)."""
        rows = self._connection.execute(
            "SELECT body FROM objects WHERE kind = 'checkout.session' AND json_extract(body, "
            "'$.status') = 'open' "
            "AND json_extract(body, '$.expires_at') <= ? ORDER BY json_extract(body, '$.expires_at') LIMIT ?",
            (now, limit),
        )
        return [json.loads(row[0]) for row in rows]

    def next_session_end(self) -> int | None:
        """When the first of the open sessions expires (index open_sessions)."""
        row = self._connection.execute(
            "SELECT min(json_extract(body, '$.expires_at')) FROM objects WHERE kind = 'checkout.session' "
            "AND json_extract(body, '$.status') = 'open'"
        ).fetchone()
        return None if row[0] is None else int(row[0])


def _text(body: Json) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
