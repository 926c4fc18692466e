"""When licenses were last validated, kept until it is written: validation itself writes nothing."""

from datetime import datetime

from services.licensing.store import licenses
from shared.db import Database

WRITE_EVERY_SECONDS = 5.0
_PAGE = 1_000


class Touches:
    """One a process. What is not written yet is lost with it."""

    def __init__(self) -> None:
        self._at: dict[str, datetime] = {}

    def __len__(self) -> int:
        return len(self._at)

    def add(self, license_id: str, at: datetime) -> None:
        self._at[license_id] = at

    async def write(self, database: Database) -> bool:
        """Write up to a page of them; whether there are more. What fails to be written is tried again."""
        page = dict(list(self._at.items())[:_PAGE])
        if not page:
            return False
        async with database.transaction() as connection:
            await licenses.touch(connection, page)
        for license_id, at in page.items():
            if self._at[license_id] == at:
                del self._at[license_id]
        return len(page) == _PAGE
