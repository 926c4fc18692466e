"""A schema's role sees its own schema and no other."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from shared.db import Database


async def test_a_role_finds_its_own_schema(billing_db: Database) -> None:
    async with billing_db.transaction() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM outbox")) == 0


async def test_a_role_can_not_read_anothers_schema(billing_db: Database) -> None:
    with pytest.raises(ProgrammingError, match="permission denied for schema gateway"):
        async with billing_db.transaction() as connection:
            await connection.execute(text("SELECT count(*) FROM gateway.outbox"))
