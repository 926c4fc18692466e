"""The leaf has two implementations, one in the database and one here: they agree on whatever a transfer may hold."""

import asyncio
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.transfer import Posted, Transfer
from services.billing.domain.seal.leaf import canonical, leaf_of
from services.billing.store import seals
from services.billing.store.ledger_connection import ledger_snapshot
from shared.db import Database

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
bigints = st.integers(-(2**63), 2**63 - 1)
transfers = st.builds(
    Posted,
    transfer=st.builds(
        Transfer,
        account_id=texts,
        id=st.uuids(),
        kind=st.sampled_from(Kind),
        amount=bigints,
        balance_after=bigints,
        position=bigints,
        description=texts,
        refers_to=st.none() | st.uuids(),
        request_id=st.none() | st.uuids(),
        reference=st.none() | texts,
    ),
    created_at=st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
)


@given(batch=st.lists(transfers, min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_the_database_hashes_what_we_hash(
    runner: asyncio.Runner, kept_billing_db: Database, batch: list[Posted]
) -> None:
    async def hashed() -> list[bytes]:
        async with ledger_snapshot(kept_billing_db) as ledger:
            rows = await ledger.fetch(
                f"""
                SELECT {seals.LEAF} AS leaf FROM unnest(
                    $1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::uuid[],
                    $8::uuid[], $9::text[], $10::text[], $11::timestamptz[]
                ) WITH ORDINALITY AS given (
                    account_id, id, kind, amount, balance_after, position, refers_to, request_id, reference,
                    description, created_at, number
                ) ORDER BY number
                """,  # noqa: S608
                [each.transfer.account_id for each in batch],
                [each.transfer.id for each in batch],
                [each.transfer.kind.value for each in batch],
                [each.transfer.amount for each in batch],
                [each.transfer.balance_after for each in batch],
                [each.transfer.position for each in batch],
                [each.transfer.refers_to for each in batch],
                [each.transfer.request_id for each in batch],
                [each.transfer.reference for each in batch],
                [each.transfer.description for each in batch],
                [each.created_at for each in batch],
            )
        return [row["leaf"] for row in rows]

    assert runner.run(hashed()) == [leaf_of(each) for each in batch]


@given(one=transfers, other=transfers)
def test_two_transfers_have_the_same_bytes_only_if_they_are_the_same(one: Posted, other: Posted) -> None:
    assert (canonical(one) == canonical(other)) == (one == other)
