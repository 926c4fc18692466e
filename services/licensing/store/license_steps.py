"""The table `license_steps`: what became of each license, append-only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.license import License
from services.licensing.domain.license_step import Action, Cause


@dataclass(frozen=True, slots=True)
class Step:
    """One, as it is shown."""

    at: datetime
    action: str
    billing_state: str
    admin_state: str
    reason: str | None
    expires_at: datetime | None
    cause: str
    reference: str | None


async def append(connection: AsyncConnection, license: License, action: Action, cause: Cause, *, at: datetime) -> None:
    """Write down what became of it, and by whose doing."""
    await connection.execute(
        text(
            "INSERT INTO license_steps (license_id, at, action, billing_state, admin_state, reason, expires_at, cause,"
            " reference) VALUES (:id, :at, :action, :billing_state, :admin_state, :reason, :expires_at, :cause,"
            " :reference)"
        ),
        {
            "id": license.id,
            "at": at,
            "action": action.value,
            "billing_state": license.billing_state.value,
            "admin_state": license.admin_state.value,
            "reason": license.admin_reason or license.billing_reason,
            "expires_at": license.expires_at,
            "cause": cause.kind.value,
            "reference": cause.reference,
        },
    )


async def of_license(connection: AsyncConnection, license_id: str, *, limit: int) -> list[Step]:
    """The last ones, oldest first."""
    found = await connection.execute(
        text(
            "SELECT at, action, billing_state, admin_state, reason, expires_at, cause, reference FROM license_steps"
            " WHERE license_id = :id ORDER BY seq DESC LIMIT :limit"
        ),
        {"id": license_id, "limit": limit},
    )
    return [Step(**_values(row._mapping)) for row in reversed(found.all())]


def _values(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}
