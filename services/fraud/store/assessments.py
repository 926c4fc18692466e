"""The table `fraud_assessments`: append-only, one row for each payment; with it which accounts used which traits, and
that a device was used.

One statement for both executors: the raw pool, where it is all there is to do, and a transaction in which a case is
opened too.
"""

from collections.abc import Mapping
from uuid import UUID

import orjson

from services.fraud.domain.assessment import (
    ID_PREFIX,
    Assessment,
    Judgement,
    fired_as_kept,
    snapshot_of,
)
from shared.contracts.devices import PREFIX as DEVICE_PREFIX
from shared.crypto import seal
from shared.db import Connection, Database
from shared.ids import decode

Keys = Mapping[int, bytes]

_COLUMNS = {
    "id": "$1",
    "payment_id": "$2",
    "account_id": "$3",
    "decision": "$4",
    "score": "$5::int / 100.0",
    "reasons": "$6::text::jsonb",
    "versions": "$7::text::jsonb",
    "snapshot": "$8::text::jsonb",
    "sealed_ip": "$9",
    "created_at": "$10",
    "kind": "$11",
    "origin": "$12",
    "tier": "$13",
    "amount_usd_minor": "$14",
    "card": "$15",
    "device_id": "$16",
    "ip_match": "$17",
    "mailbox_hash": "$18",
    "session_hash": "$19",
    "country": "$20",
    "latitude": "$21",
    "longitude": "$22",
    "radius_km": "$23",
    "probability_ppm": "$24",
    "shadow_ppm": "$25",
    "fired": "$26::text::jsonb",
    "shadow": "$27::text::jsonb",
    "occurred_at": "$28",
    "seen_at": "$29",
}

_INSERT = f"""
WITH made AS (
    INSERT INTO fraud_assessments ({", ".join(_COLUMNS)}) VALUES ({", ".join(_COLUMNS.values())})
    ON CONFLICT (payment_id) DO NOTHING
    RETURNING payment_id
), used AS (
    INSERT INTO trait_uses (kind, match, account_id, first_at)
    SELECT asked.kind, asked.match, $3, $10 FROM unnest($30::text[], $31::text[]) AS asked (kind, match)
    WHERE EXISTS (SELECT FROM made)
    ORDER BY asked.kind, asked.match
    ON CONFLICT DO NOTHING
), device AS (
    UPDATE devices SET payments = payments + 1, last_used_at = greatest(last_used_at, $10)
    WHERE id = $32 AND EXISTS (SELECT FROM made)
)
SELECT EXISTS (SELECT FROM made)
"""  # noqa: S608
"""Waits for a twin of the same payment that is being written; true where this is the first."""


async def insert(database: Database, made: Assessment, judgement: Judgement, keys: Keys) -> bool:
    """Write an assessment by itself; False where the payment has one already."""
    pool = await database.asyncpg_pool()
    return bool(await pool.fetchval(_INSERT, *_values(made, judgement, keys)))


async def insert_within(connection: Connection, made: Assessment, judgement: Judgement, keys: Keys) -> bool:
    """The same in a transaction."""
    result = await connection.exec_driver_sql(_INSERT, _values(made, judgement, keys))
    return bool(result.scalar_one())


def _values(made: Assessment, judgement: Judgement, keys: Keys) -> tuple[object, ...]:
    payment, verdict, found, network = judgement.payment, judgement.verdict, judgement.found, judgement.network
    place = network.place if network else None
    bits = decode(ID_PREFIX, made.id)
    assert bits is not None, "an id of our own"
    used = payment.shared_traits()
    return (
        bits,
        made.payment_id,
        made.account_id,
        made.decision,
        made.score_hundredths,
        _json([{"code": reason.code, "detail": reason.detail} for reason in made.reasons]),
        _json(judgement.versions),
        _json(snapshot_of(payment, judgement.signals, verdict)),
        _sealed_ip(judgement, bits, keys),
        made.created_at,
        payment.kind,
        payment.origin,
        payment.tier,
        payment.amount_usd_minor,
        payment.traits.card_fingerprint,
        payment.traits.device_id,
        payment.traits.ip_match,
        payment.mailbox_hash,
        payment.session_hash,
        network.country if network else None,
        place.latitude if place else None,
        place.longitude if place else None,
        place.radius_km if place else None,
        found.guess.ppm if found.guess else None,
        found.shadow_guess.ppm if found.shadow_guess else None,
        _json(fired_as_kept(found.fired)),
        _json(fired_as_kept(found.shadow)),
        payment.occurred_at,
        judgement.seen_at,
        list(used),
        list(used.values()),
        decode(DEVICE_PREFIX, payment.traits.device_id or ""),
    )


def _sealed_ip(judgement: Judgement, bits: UUID, keys: Keys) -> bytes | None:
    ip = judgement.payment.traits.ip
    return None if ip is None else seal(str(ip).encode(), keys, f"fraud.assessment.ip:{bits}")


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
