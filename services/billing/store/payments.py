"""The table `payments`. Locks: a payment's row before its account's wallet, never the other way round for one
payment. (A checkout takes the wallet's lock and then inserts a row that nobody else can know yet.)"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.payment import RESERVING, UNDER_WAY, Payment, PaymentId, Reason, Status
from shared.money import Money

_COLUMNS = (
    "id, account_id, type, status, amount_minor, currency, usd_minor, millicredits, refunded_minor, assessment_id,"
    " score, reasons, flags, success_url, cancel_url, session_id, intent_id, charge_id, checkout_url, transfer_id,"
    " created_at, expires_at, succeeded_at, rate_micros, origin, card_id, failure_code, saves_card,"
    " business_type, device_id, tip_minor, description, asked_key"
)


async def insert(connection: AsyncConnection, payment: Payment) -> None:
    """A new payment. Where it is pending it is a reservation: the wallet must be locked."""
    await connection.execute(
        text(
            f"INSERT INTO payments ({_COLUMNS}, updated_at) VALUES (:id, :account_id, :type, :status, :amount_minor,"  # noqa: S608
            " :currency, :usd_minor, :millicredits, :refunded_minor, :assessment_id, :score, CAST(:reasons AS jsonb),"
            " :flags, :success_url, :cancel_url, :session_id, :intent_id, :charge_id, :checkout_url, :transfer_id,"
            " :created_at, :expires_at, :succeeded_at, :rate_micros, :origin, :card_id, :failure_code, :saves_card,"
            " :business_type, :device_id, :tip_minor, :description, :asked_key, :created_at)"
        ),
        {
            **_mutable(payment),
            "id": payment.id,
            "account_id": payment.account_id,
            "type": payment.type,
            "amount_minor": payment.amount.amount_minor,
            "currency": payment.amount.currency,
            "usd_minor": payment.usd_minor,
            "millicredits": payment.millicredits,
            "success_url": payment.success_url,
            "cancel_url": payment.cancel_url,
            "created_at": payment.created_at,
            "rate_micros": payment.rate_micros,
            "origin": payment.origin,
            "card_id": payment.card_id,
            "saves_card": payment.saves_card,
            "business_type": payment.business_type,
            "device_id": payment.device_id,
            "tip_minor": payment.tip_minor,
            "description": payment.description,
            "asked_key": payment.asked_key,
        },
    )


async def save(connection: AsyncConnection, payment: Payment, *, at: datetime) -> None:
    """Write what may change of a payment whose row is locked."""
    await connection.execute(
        text(
            "UPDATE payments SET status = :status, refunded_minor = :refunded_minor, assessment_id = :assessment_id,"
            " score = :score, reasons = CAST(:reasons AS jsonb), flags = :flags, session_id = :session_id,"
            " intent_id = :intent_id, charge_id = :charge_id, checkout_url = :checkout_url,"
            " transfer_id = :transfer_id, succeeded_at = :succeeded_at, failure_code = :failure_code,"
            " expires_at = :expires_at, updated_at = :at"
            " WHERE id = :id"
        ),
        {**_mutable(payment), "id": payment.id, "at": at},
    )


async def keep_charge(connection: AsyncConnection, payment_id: str, charge_id: str) -> None:
    """Remember the charge of a payment whose row is locked."""
    await connection.execute(
        text("UPDATE payments SET charge_id = :charge_id WHERE id = :id"), {"charge_id": charge_id, "id": payment_id}
    )


async def locked(connection: AsyncConnection, payment_id: str) -> Payment | None:
    """The payment, its row locked until the transaction ends."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM payments WHERE id = :id FOR UPDATE"),  # noqa: S608
        {"id": payment_id},
    )
    return _optional(found.first())


async def locked_of_charge(
    connection: AsyncConnection, *, intent_id: str | None, charge_id: str | None
) -> Payment | None:
    """The payment that Stripe's intent or charge is of, its row locked until the transaction ends. Served by the
    unique key on `intent_id` and by `payments_of_charge`."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM payments WHERE intent_id = :intent_id OR charge_id = :charge_id"  # noqa: S608
            " ORDER BY intent_id = :intent_id DESC NULLS LAST LIMIT 1 FOR UPDATE"
        ),
        {"intent_id": intent_id, "charge_id": charge_id},
    )
    return _optional(found.first())


async def find(connection: AsyncConnection, payment_id: str) -> Payment | None:
    """The payment, whosever it is, unlocked: for operators."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM payments WHERE id = :id"),  # noqa: S608
        {"id": payment_id},
    )
    return _optional(found.first())


async def of_account(connection: AsyncConnection, account_id: str, payment_id: str) -> Payment | None:
    """The account's own payment, or None: another's is not told from none."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM payments WHERE id = :id AND account_id = :account_id"),  # noqa: S608
        {"id": payment_id, "account_id": account_id},
    )
    return _optional(found.first())


async def page(connection: AsyncConnection, account_id: str, *, after: str | None, limit: int) -> list[Payment]:
    """The account's payments, newest first, beginning below `after`. Served by `payments_of_account`."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM payments WHERE account_id = :account_id"  # noqa: S608
            " AND (CAST(:after AS text) IS NULL OR id < :after) ORDER BY id DESC LIMIT :limit"
        ),
        {"account_id": account_id, "after": after, "limit": limit},
    )
    return [_payment(row) for row in found]


async def page_of_all(
    connection: AsyncConnection, *, status: Status | None, account_id: str | None, after: str | None, limit: int
) -> list[Payment]:
    """Whosever payments, newest first, beginning below `after`; of a status and of an account where these are given.
    Served by `payments_by_status`, `payments_of_account` and the primary key."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM payments WHERE (CAST(:status AS text) IS NULL OR status = :status)"  # noqa: S608
            " AND (CAST(:account_id AS text) IS NULL OR account_id = :account_id)"
            " AND (CAST(:after AS text) IS NULL OR id < :after) ORDER BY id DESC LIMIT :limit"
        ),
        {"status": None if status is None else status.value, "account_id": account_id, "after": after, "limit": limit},
    )
    return [_payment(row) for row in found]


async def used_minor(connection: AsyncConnection, account_id: str, *, since: datetime) -> int:
    """US cents of the account's reserving payments made after `since` (S14). Exact only under the wallet's lock.
    Served by `payments_live`."""
    used = await connection.scalar(
        text(
            "SELECT coalesce(sum(usd_minor), 0)::bigint FROM payments WHERE account_id = :account_id"
            " AND created_at > :since AND status NOT IN ('failed', 'canceled', 'expired', 'blocked')"
            " AND status = ANY(:reserving) AND type <> 'subscription'"
        ),
        {"account_id": account_id, "since": since, "reserving": _words(RESERVING)},
    )
    assert isinstance(used, int)
    return used


async def paid_counts(connection: AsyncConnection, account_id: str) -> tuple[int, int]:
    """How many of the account's payments have been paid, and how many of these are sales. Served by
    `payments_of_account`."""
    found = await connection.execute(
        text(
            "SELECT count(*) AS paid, count(*) FILTER (WHERE type = 'sale') AS sales FROM payments"
            " WHERE account_id = :account_id AND succeeded_at IS NOT NULL"
        ),
        {"account_id": account_id},
    )
    row = found.one()
    return row.paid, row.sales


async def lease_due(
    connection: AsyncConnection, *, now: datetime, abandoned_before: datetime, lease_seconds: int, limit: int
) -> list[PaymentId]:
    """Payments to ask Stripe about: past their expiry, left without a session, or silent for long.

    Each is leased by the database's clock, so that two loops ask about different ones and one that fails is not
    asked about again at once. `now` and `abandoned_before` are business time.
    """
    found = await connection.execute(
        text(
            """
            UPDATE payments SET leased_until = now() + make_interval(secs => :lease_seconds),
                                poll_at = now() + interval '2 minutes'
            WHERE id IN (
                SELECT id FROM payments
                WHERE status = ANY(:under_way) AND type <> 'subscription' AND leased_until <= now()
                  AND ((status <> 'processing' AND expires_at <= :now)
                       OR (session_id IS NULL AND created_at <= :abandoned_before)
                       OR (session_id IS NOT NULL AND poll_at <= now()))
                ORDER BY leased_until, expires_at LIMIT :limit FOR UPDATE SKIP LOCKED)
            RETURNING id
            """
        ),
        {
            "under_way": _words(UNDER_WAY),
            "now": now,
            "abandoned_before": abandoned_before,
            "lease_seconds": lease_seconds,
            "limit": limit,
        },
    )
    return [PaymentId(row.id) for row in found]


async def end_lease(connection: AsyncConnection, payment_id: PaymentId) -> None:
    """It was asked about, and may be again as soon as it is due."""
    await connection.execute(text("UPDATE payments SET leased_until = '-infinity' WHERE id = :id"), {"id": payment_id})


def _mutable(payment: Payment) -> dict[str, Any]:
    return {
        "status": payment.status.value,
        "refunded_minor": payment.refunded_minor,
        "assessment_id": payment.assessment_id,
        "score": payment.score,
        "reasons": orjson.dumps(
            [{"code": reason.code, "detail": reason.detail} for reason in payment.reasons]
        ).decode(),
        "flags": list(payment.flags),
        "session_id": payment.session_id,
        "intent_id": payment.intent_id,
        "charge_id": payment.charge_id,
        "checkout_url": payment.checkout_url,
        "transfer_id": payment.transfer_id,
        "succeeded_at": payment.succeeded_at,
        "failure_code": payment.failure_code,
        "expires_at": payment.expires_at,
    }


def _words(statuses: Iterable[Status]) -> list[str]:
    return sorted(status.value for status in statuses)


def _optional(row: Row[Any] | None) -> Payment | None:
    return None if row is None else _payment(row)


def _payment(row: Row[Any]) -> Payment:
    return Payment(
        id=PaymentId(row.id),
        account_id=row.account_id,
        type=row.type,
        status=Status(row.status),
        amount=Money(row.amount_minor, row.currency),
        usd_minor=row.usd_minor,
        millicredits=row.millicredits,
        refunded_minor=row.refunded_minor,
        assessment_id=row.assessment_id,
        score=row.score,
        reasons=tuple(Reason(reason["code"], reason["detail"]) for reason in row.reasons),
        flags=tuple(row.flags),
        success_url=row.success_url,
        cancel_url=row.cancel_url,
        session_id=row.session_id,
        intent_id=row.intent_id,
        charge_id=row.charge_id,
        checkout_url=row.checkout_url,
        transfer_id=row.transfer_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        rate_micros=row.rate_micros,
        origin=row.origin,
        card_id=row.card_id,
        failure_code=row.failure_code,
        saves_card=row.saves_card,
        succeeded_at=row.succeeded_at,
        business_type=row.business_type,
        device_id=row.device_id,
        tip_minor=row.tip_minor,
        description=row.description,
        asked_key=row.asked_key,
    )
