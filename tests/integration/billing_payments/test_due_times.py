"""What billing tells the test clock: when something falls due next, and what waits to be done."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.billing.domain.subscriptions.standing import SubscriptionRules
from services.billing.store import due_times
from shared.db import Database

NOW = datetime(2027, 1, 31, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = SubscriptionRules(
    grace=3 * DAY,
    most_failures=3,
    check_every=timedelta(hours=1),
    renewal_notice=7 * DAY,
    trial_notice=2 * DAY,
)


async def run(database: Database, sql: str, *values: Any) -> None:
    pool = await database.asyncpg_pool()
    await pool.execute(sql, *values)


async def due_after(database: Database, now: datetime) -> datetime | None:
    return await due_times.next_due(database, now=now, rules=RULES)


async def test_nothing_is_due_where_there_is_nothing(billing_db: Database) -> None:
    assert await due_after(billing_db, NOW) is None
    assert await due_times.unsettled(billing_db) == 0


async def test_expiring_credits_and_top_ups_are_due_and_routine_looks_are_not(billing_db: Database) -> None:
    await run(
        billing_db,
        "INSERT INTO wallets (account_id, next_expiry_at, opened_at) VALUES ('acct_1', $1, now())",
        NOW + 2 * DAY,
    )
    top_up = (
        "INSERT INTO auto_top_ups"
        " (account_id, enabled, threshold, amount, monthly_cap, next_at, looks, declines, updated_at)"
        " VALUES ($1, true, 1000000, 5000000, 50000000, $2, $3, 0, $2)"
    )
    await run(billing_db, top_up, "acct_1", NOW + DAY, 0)
    await run(billing_db, top_up, "acct_2", NOW + timedelta(minutes=1), 4)
    assert await due_after(billing_db, NOW) == NOW + DAY
    assert await due_after(billing_db, NOW + DAY) == NOW + 2 * DAY
    assert await due_after(billing_db, NOW + 2 * DAY) is None


async def test_terms_of_a_subscription_are_due_one_after_the_other(billing_db: Database) -> None:
    await run(
        billing_db,
        'INSERT INTO plans (id, name, price_minor, currency, "interval", created_at, updated_at)'
        " VALUES ('monthly', 'Monthly', 2500, 'usd', 'month', $1, $1)",
        NOW,
    )
    end = NOW + 30 * DAY
    subscription = (
        "INSERT INTO subscriptions (id, account_id, plan_id, price_minor, currency, status, standing, version,"
        " expires_at, check_at, created_at, updated_at)"
        " VALUES ($1, 'acct_1', 'monthly', 2500, 'usd', $2, 'good', 1, $3, $4, $5, $5)"
    )
    await run(billing_db, subscription, "sub_1", "active", end, NOW + timedelta(hours=1), NOW)
    seen, now = [], NOW
    while (due := await due_after(billing_db, now)) is not None:
        seen.append(due)
        now = due
    assert seen == [end - 7 * DAY, end, end + 3 * DAY], "its hourly look is no stop"

    await run(billing_db, "UPDATE subscriptions SET status = 'trialing'")
    assert await due_after(billing_db, NOW) == end - 2 * DAY
    await run(billing_db, "UPDATE subscriptions SET check_at = NULL")
    assert await due_after(billing_db, NOW) is None, "it has ended for good"


async def test_mail_waits_until_it_is_sent_or_has_failed(billing_db: Database) -> None:
    await run(
        billing_db,
        "INSERT INTO mails (id, account_id, template, content, created_at)"
        " VALUES ('m', 'acct_1', 'license_welcome', '{}', now())",
    )
    assert await due_times.unsettled(billing_db) == 1
    await run(billing_db, "UPDATE mails SET last_error = 'gateway: 503'")
    assert await due_times.unsettled(billing_db) == 0
