"""The mails, in SQLite: the newest `STORE_MOST`, kept over a restart where a file is named."""

import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

STORE_MOST = 10_000

_TABLE = """
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient TEXT NOT NULL, recipient_folded TEXT NOT NULL, sender TEXT NOT NULL, subject TEXT NOT NULL,
    text TEXT NOT NULL, html TEXT, message_id TEXT, sent_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_of ON messages (recipient_folded, number);
"""
_COLUMNS = "number, recipient, sender, subject, text, html, message_id, sent_at"


@dataclass(frozen=True)
class Mail:
    """One mail as it came, for one recipient. `html` is None where it has no such part."""

    recipient: str
    sender: str
    subject: str
    text: str
    html: str | None
    message_id: str | None


@dataclass(frozen=True)
class Kept(Mail):
    """A mail with its place in the mailbox."""

    number: int
    sent_at: str

    def as_json(self) -> dict[str, object]:
        fields = asdict(self)
        fields["id"] = f"mail_{fields.pop('number')}"
        fields["to"] = fields.pop("recipient")
        return fields


class Store:
    """All methods are short and synchronous; one process owns the file."""

    def __init__(self, file: Path | None) -> None:
        if file is not None:
            file.touch(mode=0o600)
        self._database = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_TABLE)

    def add(self, mail: Mail) -> None:
        """Keep one, and forget the oldest beyond the bound."""
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self._database.execute(
            "INSERT INTO messages (recipient, recipient_folded, sender, subject, text, html, message_id, sent_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                mail.recipient,
                mail.recipient.casefold(),
                mail.sender,
                mail.subject,
                mail.text,
                mail.html,
                mail.message_id,
                now,
            ),
        )
        self._database.execute(
            "DELETE FROM messages WHERE number <= (SELECT max(number) FROM messages) - ?", (STORE_MOST,)
        )

    def newest(self, *, recipient: str | None, limit: int) -> list[Kept]:
        """The newest first; of one recipient (compared without case), or of all."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE ?1 IS NULL OR recipient_folded = ?1"  # noqa: S608 (our columns)
            " ORDER BY number DESC LIMIT ?2",
            (None if recipient is None else recipient.casefold(), limit),
        )
        return [_kept(row) for row in rows]

    def get(self, number: int) -> Kept | None:
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE number = ?",  # noqa: S608 (our columns)
            (number,),
        ).fetchone()
        return _kept(row) if row else None

    def close(self) -> None:
        self._database.close()


def _kept(row: tuple[int, str, str, str, str, str | None, str | None, str]) -> Kept:
    number, recipient, sender, subject, text, html, message_id, sent_at = row
    return Kept(
        number=number,
        recipient=recipient,
        sender=sender,
        subject=subject,
        text=text,
        html=html,
        message_id=message_id,
        sent_at=sent_at,
    )
