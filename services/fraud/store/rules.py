"""The tables `rules`, `rule_versions` and `rule_steps`. Whoever changes what judges notes it for the processes'
memories (`RULES_CHANGED`) in the same transaction."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.rules.rule import RuleId, Version
from shared import changes

RULES_CHANGED = "fraud_rules"

_VERSIONS = """
SELECT version.rule_id, version.number, rule.code, version.expression, version.weight_bp, version.detail,
       version.state, version.author, version.created_at
FROM rule_versions AS version JOIN rules AS rule ON rule.id = version.rule_id
"""


async def note_change(connection: AsyncConnection, rule_id: str) -> None:
    """Have every process read the rules anew."""
    await changes.note(connection, RULES_CHANGED, rule_id)


async def judging(connection: AsyncConnection) -> list[Version]:
    """Every version that is live or in shadow, by two partial indexes."""
    return [Version(*row) for row in await connection.execute(text(f"{_VERSIONS} WHERE state IN ('live', 'shadow')"))]


async def codes(connection: AsyncConnection) -> set[str]:
    """The codes of all rules that there are, whatever their state."""
    return set((await connection.execute(text("SELECT code FROM rules"))).scalars())


async def insert_rule(connection: AsyncConnection, rule_id: RuleId, code: str, *, at: datetime) -> bool:
    """Write a rule without versions; False where one of this code exists (waits for a twin that is being written)."""
    made = await connection.execute(
        text("INSERT INTO rules (id, code, created_at) VALUES (:id, :code, :at) ON CONFLICT (code) DO NOTHING"),
        {"id": rule_id, "code": code, "at": at},
    )
    return made.rowcount == 1


async def insert_version(connection: AsyncConnection, version: Version) -> None:
    """Write a version, and its first step."""
    await connection.execute(
        text(
            "INSERT INTO rule_versions (rule_id, number, expression, weight_bp, detail, state, author, created_at)"
            " VALUES (:rule_id, :number, :expression, :weight_bp, :detail, :state, :author, :created_at)"
        ),
        {
            "rule_id": version.rule_id,
            "number": version.number,
            "expression": version.expression,
            "weight_bp": version.weight_bp,
            "detail": version.detail,
            "state": version.state,
            "author": version.author,
            "created_at": version.created_at,
        },
    )
    await _step(connection, version, by=version.author, at=version.created_at)


async def _step(connection: AsyncConnection, version: Version, *, by: str, at: datetime) -> None:
    await connection.execute(
        text(
            "INSERT INTO rule_steps (rule_id, number, state, author, by, at)"
            " VALUES (:rule_id, :number, :state, :author, :by, :at)"
        ),
        {
            "rule_id": version.rule_id,
            "number": version.number,
            "state": version.state,
            "author": version.author,
            "by": by,
            "at": at,
        },
    )
