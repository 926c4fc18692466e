"""All that PostgreSQL knows about a payment that is to be judged, in one round trip on the raw pool."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.fraud.domain.assessment import ID_PREFIX as ASSESSMENT_PREFIX
from services.fraud.domain.assessment import Assessment, Reason
from services.fraud.domain.blacklist import ID_PREFIX as ENTRY_PREFIX
from services.fraud.domain.blacklist import Entry, EntryId, kind_of
from services.fraud.domain.case import ID_PREFIX as CASE_PREFIX
from services.fraud.domain.facts import (
    LOOKED_BACK_AT,
    Background,
    KnownDevice,
    Network,
    PastPayment,
    Payment,
    Place,
    TraitKind,
    TraitUse,
)
from services.fraud.domain.signals import MOST_ACCOUNTS_COUNTED
from shared.contracts.devices import PREFIX as DEVICE_PREFIX
from shared.db import Database
from shared.ids import decode, encode

_READ = f"""
SELECT
    -- the assessment that the payment has, by its unique index, with its case
    (SELECT json_build_array(made.id, made.account_id, made.decision, round(made.score * 100)::int, made.reasons,
                             made.created_at, (SELECT id FROM cases WHERE cases.payment_id = made.payment_id))
     FROM fraud_assessments AS made WHERE made.payment_id = $1) AS known,

    -- live entries that may concern it: equal ones by `blacklist_live`, networks by `blacklist_live_networks`
    (SELECT json_agg(json_build_array(found.id, found.kind, found.match, found.expires_at)) FROM (
        SELECT entry.id, entry.kind, entry.match, entry.expires_at
        FROM unnest($3::text[], $4::text[]) AS asked (kind, match)
        JOIN blacklist AS entry ON entry.kind = asked.kind AND entry.match = asked.match
        WHERE entry.removed_at IS NULL AND (entry.expires_at IS NULL OR entry.expires_at > $5)
        UNION ALL
        SELECT id, kind, match, expires_at FROM blacklist
        WHERE network >>= $6::text::inet AND removed_at IS NULL AND (expires_at IS NULL OR expires_at > $5)
    ) AS found) AS entries,

    -- the account's last payments, newest first, by `fraud_assessments_of_account`
    (SELECT json_agg(json_build_array(amount_usd_minor, decision, origin, device_id, session_hash, country, latitude,
                                      longitude, radius_km, occurred_at, seen_at)) FROM (
        SELECT * FROM fraud_assessments
        WHERE account_id = $2 AND occurred_at IS NOT NULL AND payment_id <> $1
        ORDER BY id DESC LIMIT {LOOKED_BACK_AT}
    ) AS past) AS past,

    -- how many accounts have used each trait, and whether this one has, by the primary key; each reads few rows
    (SELECT json_agg(json_build_array(asked.kind, used.accounts, mine.used))
     FROM unnest($7::text[], $8::text[]) AS asked (kind, match)
     CROSS JOIN LATERAL (SELECT count(*) AS accounts FROM (
        SELECT FROM trait_uses WHERE kind = asked.kind AND match = asked.match LIMIT {MOST_ACCOUNTS_COUNTED}
     ) AS first_ones) AS used
     CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM trait_uses WHERE kind = asked.kind AND match = asked.match AND account_id = $2
     ) AS used) AS mine) AS uses,

    -- the narrowest network that holds the address, by `networks_by_address`
    (SELECT json_build_array(country, kind, latitude, longitude, radius_km) FROM networks
     WHERE network >>= $6::text::inet ORDER BY masklen(network) DESC LIMIT 1) AS network,

    -- the device as it was registered, and how many accounts have claimed devices of its fingerprint
    (SELECT json_build_array(device.type, (SELECT count(*) FROM (
        SELECT DISTINCT twin.account_id FROM devices AS twin
        WHERE twin.fingerprint = device.fingerprint AND twin.account_id IS NOT NULL LIMIT {MOST_ACCOUNTS_COUNTED}
     ) AS sharers)) FROM devices AS device WHERE device.id = $10) AS device,

    (SELECT high_minor FROM tier_norms WHERE tier = $9) AS tier_high_minor,

    -- which blacklist it was: the newest entry and the last removal, each the end of an index
    (SELECT id FROM blacklist ORDER BY id DESC LIMIT 1) AS newest_entry,
    (SELECT max(removed_at) FROM blacklist) AS last_removal
"""  # noqa: S608


async def read(database: Database, payment: Payment, *, at: datetime) -> tuple[Assessment | None, Background]:
    """The assessment that the payment has, and what is known about it otherwise. Locks nothing."""
    pool = await database.asyncpg_pool()
    traits, shared = payment.traits.matches(), payment.shared_traits()
    row = await pool.fetchrow(
        _READ,
        payment.payment_id,
        payment.account_id,
        list(traits),
        list(traits.values()),
        at,
        None if payment.traits.ip is None else str(payment.traits.ip),
        list(shared),
        list(shared.values()),
        payment.tier or "",
        decode(DEVICE_PREFIX, payment.traits.device_id or ""),
    )
    assert row is not None, "a SELECT without FROM has one row"
    known = _decoded(row["known"])
    return (None if known is None else _assessment(payment.payment_id, known)), _background(row)


def _background(row: Mapping[str, Any]) -> Background:
    network, device = _decoded(row["network"]), _decoded(row["device"])
    uses: dict[TraitKind, TraitUse] = {kind: TraitUse(count, mine) for kind, count, mine in _rows(row["uses"])}
    return Background(
        entries=tuple(_entry(*each) for each in _rows(row["entries"])),
        past=tuple(_past(*each) for each in _rows(row["past"])),
        uses=uses,
        network=None if network is None else Network(network[0], network[1], _place(*network[2:])),
        device=None if device is None else KnownDevice(*device),
        tier_high_minor=row["tier_high_minor"],
        lists_version=_lists_version(row["newest_entry"], row["last_removal"]),
    )


def _assessment(payment_id: str, raw: Sequence[Any]) -> Assessment:
    made_id, account_id, decision, hundredths, reasons, created_at, case_id = raw
    return Assessment(
        id=encode(ASSESSMENT_PREFIX, UUID(made_id)),
        payment_id=payment_id,
        account_id=account_id,
        decision=decision,
        score_hundredths=hundredths,
        reasons=tuple(Reason(each["code"], each["detail"]) for each in reasons),
        created_at=datetime.fromisoformat(created_at),
        case_id=None if case_id is None else encode(CASE_PREFIX, UUID(case_id)),
    )


def _entry(entry: str, kind: str, match: str, expires_at: str | None) -> Entry:
    ends = None if expires_at is None else datetime.fromisoformat(expires_at)
    return Entry(EntryId(encode(ENTRY_PREFIX, UUID(entry))), kind_of(kind), match, ends)


def _past(*columns: Any) -> PastPayment:
    amount, decision, origin, device_id, session_hash, country, *place, occurred_at, seen_at = columns
    return PastPayment(
        amount_usd_minor=amount,
        decision=decision,
        origin=origin,
        device_id=device_id,
        session_hash=session_hash,
        country=country,
        place=_place(*place),
        occurred_at=datetime.fromisoformat(occurred_at),
        seen_at=datetime.fromisoformat(seen_at),
    )


def _place(latitude: float | None, longitude: float | None, radius_km: int | None) -> Place | None:
    if latitude is None or longitude is None or radius_km is None:
        return None
    return Place(latitude, longitude, radius_km)


def _lists_version(newest: UUID | None, last_removal: datetime | None) -> str:
    """Another after every change of the blacklist."""
    added = "none" if newest is None else encode(ENTRY_PREFIX, newest)
    return added if last_removal is None else f"{added}, removed until {last_removal.isoformat()}"


def _rows(raw: str | None) -> list[Any]:
    return _decoded(raw) or []


def _decoded(raw: str | None) -> Any:
    return None if raw is None else orjson.loads(raw)
