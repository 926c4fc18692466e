"""The table `accounts`: personal data sealed, found by a keyed digest of the email."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.domain.account import Account, EmailTaken, Identity, Role
from services.gateway.store.vault import Vault
from shared.record_cache import kept_once

IDENTITY_COLUMNS = (
    "accounts.id AS account_id, accounts.role, accounts.tier, accounts.status, accounts.credit_limit_minor,"
    " accounts.email_lookup, accounts.domain_lookup"
)
SESSION_COLUMNS = f"{IDENTITY_COLUMNS}, accounts.mailbox_lookup"
"""Keys, of which many are remembered, pay for nothing: nobody asks for their mailbox."""

_COLUMNS = (
    f"{SESSION_COLUMNS}, accounts.email_sealed, accounts.name_sealed, accounts.country, accounts.email_verified_at,"
    " accounts.first_key_at, accounts.created_at"
)


@dataclass(frozen=True, slots=True, repr=False)
class NewAccount:
    """What registration writes. It has no repr."""

    id: str
    email: str
    name: str | None
    country: str | None
    password_hash: str
    role: Role
    at: datetime


def identity_of(row: Row[Any], mailbox_hash: str | None = None) -> Identity:
    """The identity in a row that selected `IDENTITY_COLUMNS`."""
    return Identity(
        row.account_id,
        kept_once(row.role),
        kept_once(row.tier),
        kept_once(row.status),
        row.credit_limit_minor,
        row.email_lookup,
        kept_once(row.domain_lookup),
        mailbox_hash,
    )


def _account(row: Row[Any], vault: Vault) -> Account:
    owner = row.account_id
    name = row.name_sealed and vault.unseal(row.name_sealed, column="accounts.name", owner=owner)
    return Account(
        identity=identity_of(row, row.mailbox_lookup),
        email=vault.unseal(row.email_sealed, column="accounts.email", owner=owner),
        name=name,
        country=row.country,
        email_verified_at=row.email_verified_at,
        first_key_at=row.first_key_at,
        created_at=row.created_at,
    )


async def insert(connection: AsyncConnection, vault: Vault, new: NewAccount) -> Account:
    """Make an account (tier `new`, active); EmailTaken where its address has one."""
    try:
        row = await connection.execute(
            text(
                f"""
                INSERT INTO accounts (id, email_lookup, domain_lookup, mailbox_lookup, email_sealed, name_sealed,
                                      country, password_hash, role, tier, status, created_at, updated_at)
                VALUES (:id, :email_lookup, :domain_lookup, :mailbox_lookup, :email_sealed, :name_sealed,
                        :country, :password_hash, :role, 'new', 'active', :at, :at)
                RETURNING {_COLUMNS}
                """  # noqa: S608
            ),
            {
                "id": new.id,
                "email_lookup": vault.email_lookup(new.email),
                "domain_lookup": vault.domain_lookup(new.email),
                "mailbox_lookup": vault.mailbox_lookup(new.email),
                "email_sealed": vault.seal(new.email, column="accounts.email", owner=new.id),
                "name_sealed": new.name and vault.seal(new.name, column="accounts.name", owner=new.id),
                "country": new.country,
                "password_hash": new.password_hash,
                "role": new.role,
                "at": new.at,
            },
        )
    except IntegrityError as error:
        if "accounts_email_lookup_key" in str(error.orig):
            raise EmailTaken from None
        raise
    return _account(row.one(), vault)


async def get(connection: AsyncConnection, vault: Vault, account_id: str) -> Account | None:
    row = (
        await connection.execute(text(f"SELECT {_COLUMNS} FROM accounts WHERE id = :id"), {"id": account_id})  # noqa: S608
    ).first()
    return _account(row, vault) if row else None


async def get_locked(connection: AsyncConnection, vault: Vault, account_id: str) -> Account | None:
    """The account with its row locked until the transaction ends: key creations of one account take turns."""
    row = (
        await connection.execute(
            text(f"SELECT {_COLUMNS} FROM accounts WHERE id = :id FOR UPDATE"),  # noqa: S608
            {"id": account_id},
        )
    ).first()
    return _account(row, vault) if row else None


async def find_for_sign_in(connection: AsyncConnection, vault: Vault, email: str) -> tuple[str, str] | None:
    """An address's account id and password hash; nothing is unsealed, so that found and unknown cost the same."""
    row = (
        await connection.execute(
            text("SELECT id, password_hash FROM accounts WHERE email_lookup = :lookup"),
            {"lookup": vault.email_lookup(email)},
        )
    ).first()
    return (row.id, row.password_hash) if row else None


async def count(connection: AsyncConnection) -> int:
    """How many accounts there are."""
    counted = await connection.scalar(text("SELECT count(*) FROM accounts"))
    assert isinstance(counted, int)
    return counted


async def page(connection: AsyncConnection, vault: Vault, *, after: str | None, limit: int) -> list[Account]:
    """Up to `limit` accounts by id, the oldest first, beginning after `after`."""
    rows = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM accounts WHERE id > :after ORDER BY id LIMIT :limit"),  # noqa: S608
        {"after": after or "", "limit": limit},
    )
    return [_account(row, vault) for row in rows]


async def update(
    connection: AsyncConnection, vault: Vault, account_id: str, change: Mapping[str, object], *, at: datetime
) -> Account:
    """Set some of name, country, tier, status, credit_limit_minor, password_hash, email_verified_at, first_key_at,
    mailbox_lookup, tier_is_set."""
    columns = _sealed(vault, account_id, change)
    assignments = ", ".join(f"{column} = :{column}" for column in columns)
    row = await connection.execute(
        text(f"UPDATE accounts SET {assignments}, updated_at = :at WHERE id = :id RETURNING {_COLUMNS}"),  # noqa: S608
        {**columns, "at": at, "id": account_id},
    )
    return _account(row.one(), vault)


_CHANGEABLE = frozenset(
    {
        "name",
        "country",
        "tier",
        "status",
        "role",
        "credit_limit_minor",
        "password_hash",
        "email_verified_at",
        "first_key_at",
        "mailbox_lookup",
        "tier_is_set",
    }
)


def _sealed(vault: Vault, account_id: str, change: Mapping[str, object]) -> dict[str, object]:
    assert change and change.keys() <= _CHANGEABLE
    columns = dict(change)
    if "name" in columns:
        name = columns.pop("name")
        columns["name_sealed"] = (
            vault.seal(name, column="accounts.name", owner=account_id) if isinstance(name, str) else None
        )
    return columns
