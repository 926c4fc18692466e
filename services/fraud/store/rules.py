"""The tables `rules`, `rule_versions` and `rule_steps`. Whoever changes what judges notes it for the processes'
memories (`RULES_CHANGED`) in the same transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.rules.rule import Rule, RuleId, State, Version
from shared import changes

RULES_CHANGED = "fraud_rules"
_STEP = (
    "INSERT INTO rule_steps (rule_id, number, state, author, by, at)"
    " VALUES (:rule_id, :number, :state, :author, :by, :at)"
)


@dataclass(frozen=True, slots=True)
class Step:
    """A version came into a state."""

    number: int
    state: State
    by: str
    at: datetime


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


async def page(connection: AsyncConnection, *, after: str | None, limit: int) -> list[Rule]:
    """Up to `limit` rules with their versions, the newest first, by the primary key."""
    rows = await connection.execute(
        text(
            "SELECT id, code, created_at FROM rules WHERE CAST(:after AS text) IS NULL OR id < :after"
            " ORDER BY id DESC LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    found = rows.all()
    versions = await _versions(connection, [row.id for row in found])
    return [Rule(row.id, row.code, row.created_at, versions[row.id]) for row in found]


async def find(connection: AsyncConnection, rule_id: str) -> Rule | None:
    """A rule by its id. Locks nothing."""
    row = (
        await connection.execute(text("SELECT id, code, created_at FROM rules WHERE id = :id"), {"id": rule_id})
    ).first()
    if row is None:
        return None
    versions = await _versions(connection, [row.id])
    return Rule(row.id, row.code, row.created_at, versions[row.id])


async def find_by_code(connection: AsyncConnection, code: str) -> Rule | None:
    rule_id = await connection.scalar(text("SELECT id FROM rules WHERE code = :code"), {"code": code})
    return None if rule_id is None else await find(connection, rule_id)


async def lock(connection: AsyncConnection, rule_id: str) -> Rule | None:
    """The same, while whoever else would change it waits: its first version, which every rule has, is locked."""
    await connection.execute(
        text("SELECT 1 FROM rule_versions WHERE rule_id = :id AND number = 1 FOR UPDATE"), {"id": rule_id}
    )
    return await find(connection, rule_id)


async def _versions(connection: AsyncConnection, rule_ids: list[str]) -> dict[str, tuple[Version, ...]]:
    rows = await connection.execute(
        text(f"{_VERSIONS} WHERE version.rule_id = ANY(:ids) ORDER BY version.rule_id, version.number"),
        {"ids": rule_ids},
    )
    found: defaultdict[str, list[Version]] = defaultdict(list)
    for row in rows:
        found[row.rule_id].append(Version(*row))
    return {rule_id: tuple(versions) for rule_id, versions in found.items()}


async def codes(connection: AsyncConnection) -> set[str]:
    """The codes of all rules that there are, whatever their state."""
    return set((await connection.execute(text("SELECT code FROM rules"))).scalars())


async def insert_rules(connection: AsyncConnection, made: Mapping[str, RuleId], *, at: datetime) -> set[str]:
    """Write rules without versions, by their codes; the codes of those that there were not (waits for a twin that is
    being written)."""
    await connection.execute(
        text("INSERT INTO rules (id, code, created_at) VALUES (:id, :code, :at) ON CONFLICT (code) DO NOTHING"),
        [{"id": rule_id, "code": code, "at": at} for code, rule_id in made.items()],
    )
    return set(
        (
            await connection.execute(text("SELECT code FROM rules WHERE id = ANY(:ids)"), {"ids": list(made.values())})
        ).scalars()
    )


async def insert_versions(connection: AsyncConnection, versions: Sequence[Version]) -> None:
    """Write versions, and the first step of each."""
    await connection.execute(
        text(
            "INSERT INTO rule_versions (rule_id, number, expression, weight_bp, detail, state, author, created_at)"
            " VALUES (:rule_id, :number, :expression, :weight_bp, :detail, :state, :author, :created_at)"
        ),
        [
            {
                "rule_id": version.rule_id,
                "number": version.number,
                "expression": version.expression,
                "weight_bp": version.weight_bp,
                "detail": version.detail,
                "state": version.state,
                "author": version.author,
                "created_at": version.created_at,
            }
            for version in versions
        ],
    )
    await connection.execute(
        text(_STEP), [_step(version, by=version.author, at=version.created_at) for version in versions]
    )


async def save_state(connection: AsyncConnection, version: Version, *, by: str, at: datetime) -> None:
    """Keep a version's new state, and the step there. Whichever was in it must have left before."""
    await connection.execute(
        text("UPDATE rule_versions SET state = :state WHERE rule_id = :rule_id AND number = :number"),
        {"state": version.state, "rule_id": version.rule_id, "number": version.number},
    )
    await connection.execute(text(_STEP), _step(version, by=by, at=at))


async def steps(connection: AsyncConnection, rule_id: str) -> list[Step]:
    """What became of a rule's versions, the oldest first."""
    rows = await connection.execute(
        text("SELECT number, state, by, at FROM rule_steps WHERE rule_id = :rule_id ORDER BY position"),
        {"rule_id": rule_id},
    )
    return [Step(*row) for row in rows]


def _step(version: Version, *, by: str, at: datetime) -> dict[str, object]:
    return {
        "rule_id": version.rule_id,
        "number": version.number,
        "state": version.state,
        "author": version.author,
        "by": by,
        "at": at,
    }
