"""The table `licenses`. What a license is changes under the lock of its row."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.license import AdminState, BillingState, License, LicenseId, Origin, Status

_FIXED = ("id", "account_id", "subscription_id", "origin", "customer_ref", "subscription_ref", "created_at")
_CHANGING = (
    "plan_id",
    "billing_state",
    "billing_reason",
    "admin_state",
    "admin_reason",
    "expires_at",
    "grace_seconds",
    "max_activations",
    "lease_seconds",
    "entitlements",
    "sequence",
    "billing_version",
    "welcomed_at",
)
_WRITTEN = (*_FIXED, *_CHANGING)
COLUMNS = ", ".join(f"licenses.{name}" for name in (*_WRITTEN, "last_validated_at"))

_GRACE_ENDS = "expires_at + make_interval(secs => grace_seconds)"
_REVOKED = "(admin_state = 'revoked' OR billing_state IN ('revoked', 'void'))"
_SUSPENDED = "(admin_state = 'suspended' OR billing_state = 'suspended')"
_PENDING = "(billing_state = 'pending' OR (expires_at IS NULL AND origin = 'subscription'))"
_STATUS = (
    f"CASE WHEN {_REVOKED} THEN 'revoked' WHEN {_SUSPENDED} THEN 'suspended' WHEN {_PENDING} THEN 'pending'"
    " WHEN expires_at IS NULL OR :now < expires_at THEN 'active'"
    f" WHEN :now < {_GRACE_ENDS} THEN 'grace' ELSE 'expired' END"
)
"""The domain's `status_of`, in SQL; a test compares the two."""


async def insert(connection: AsyncConnection, license: License) -> None:
    """A new one. Its key and its step are the caller's to write."""
    await connection.execute(
        text(
            f"INSERT INTO licenses ({', '.join(_WRITTEN)}, updated_at)"  # noqa: S608
            f" VALUES ({', '.join(f':{name}' for name in _WRITTEN)}, :created_at)"
        ),
        _values(license),
    )


async def save(connection: AsyncConnection, license: License, *, at: datetime) -> None:
    """Write what may change of one whose row is locked."""
    changes = ", ".join(f"{name} = :{name}" for name in _CHANGING)
    await connection.execute(
        text(f"UPDATE licenses SET {changes}, updated_at = :at WHERE id = :id"),  # noqa: S608
        {**_values(license), "at": at},
    )


async def locked(connection: AsyncConnection, license_id: str) -> License | None:
    """The license, its row locked until the transaction ends."""
    return await _one(connection, "id = :value FOR UPDATE", license_id)


async def locked_of_subscription(connection: AsyncConnection, subscription_id: str) -> License | None:
    """The license of a subscription, its row locked."""
    return await _one(connection, "subscription_id = :value FOR UPDATE", subscription_id)


async def ids_of_subscriptions(connection: AsyncConnection, subscription_ids: Sequence[str]) -> Mapping[str, str]:
    """The license's id of each of these subscriptions that has one. Served by the index on subscription_id."""
    found = await connection.execute(
        text("SELECT subscription_id, id FROM licenses WHERE subscription_id = ANY(:ids)"), {"ids": [*subscription_ids]}
    )
    return {row.subscription_id: row.id for row in found}


async def find(connection: AsyncConnection, license_id: str) -> License | None:
    return await _one(connection, "id = :value", license_id)


async def of_key_hash(connection: AsyncConnection, key_hash: bytes, *, real_now: datetime) -> License | None:
    """The license whose key this is, unless the key was replaced and its overlap is over."""
    return await _one(
        connection,
        "id = (SELECT license_id FROM license_keys WHERE key_hash = :value"
        " AND (valid_until IS NULL OR :real_now < valid_until))",
        key_hash,
        real_now=real_now,
    )


async def page(
    connection: AsyncConnection,
    *,
    account_id: str | None,
    status: Status | None,
    after: str | None,
    limit: int,
    now: datetime,
) -> list[License]:
    """Newest first, beginning below `after`; an account's, or all. Served by `licenses_of_account` or the primary
    key; a status is judged row by row, as it depends on the time."""
    found = await connection.execute(
        text(
            f"SELECT {COLUMNS} FROM licenses"  # noqa: S608
            " WHERE (CAST(:account_id AS text) IS NULL OR account_id = :account_id)"
            f" AND (CAST(:status AS text) IS NULL OR ({_STATUS}) = :status)"
            " AND (CAST(:after AS text) IS NULL OR id < :after) ORDER BY id DESC LIMIT :limit"
        ),
        {"account_id": account_id, "status": status, "after": after, "limit": limit, "now": now},
    )
    return [license_of(row) for row in found]


async def counts(connection: AsyncConnection, *, now: datetime) -> Mapping[Status, int]:
    """How many there are of each status. Reads the whole table."""
    found = await connection.execute(
        text(f"SELECT {_STATUS} AS status, count(*) FROM licenses GROUP BY 1"),  # noqa: S608
        {"now": now},
    )
    return {Status(status): count for status, count in found}


async def touch(connection: AsyncConnection, touches: Mapping[str, datetime]) -> None:
    """Write when licenses were last validated, by id. Never sets one back; locks the rows in the order of their ids."""
    ids = sorted(touches)
    await connection.execute(
        text(
            "WITH touched AS (SELECT licenses.id, at FROM licenses JOIN"
            " unnest(CAST(:ids AS text[]), CAST(:instants AS timestamptz[])) AS given(id, at) ON given.id = licenses.id"
            " ORDER BY licenses.id FOR NO KEY UPDATE OF licenses)"
            " UPDATE licenses SET last_validated_at = greatest(last_validated_at, touched.at) FROM touched"
            " WHERE licenses.id = touched.id"
        ),
        {"ids": ids, "instants": [touches[each] for each in ids]},
    )


async def _one(connection: AsyncConnection, condition: str, value: object, **more: object) -> License | None:
    found = await connection.execute(
        text(f"SELECT {COLUMNS} FROM licenses WHERE {condition}"),  # noqa: S608
        {"value": value, **more},
    )
    row = found.first()
    return None if row is None else license_of(row)


def _values(license: License) -> dict[str, object]:
    values = {name: getattr(license, name) for name in _WRITTEN}
    return {**values, "entitlements": list(license.entitlements)}


def license_of(row: Row[Any]) -> License:
    """A row with at least `COLUMNS`."""
    values = {name: getattr(row, name) for name in (*_WRITTEN, "last_validated_at")}
    values |= {
        "id": LicenseId(row.id),
        "origin": Origin(row.origin),
        "billing_state": BillingState(row.billing_state),
        "admin_state": AdminState(row.admin_state),
        "entitlements": tuple(row.entitlements),
    }
    return License(**values)
