"""While fraud is away: what its blacklist said last still blocks, and what could not be judged is judged late."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from services.billing.events.fraud import handle
from services.billing.store import late_assessments
from services.billing.use_cases.blacklist_copy import copy_whole
from services.fraud.app import create_app as create_fraud
from shared.contracts.identity_hashes import address_hash
from shared.inbox import Event
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import OPERATOR, OpenShop, Shop, a_customer
from tests.integration.billing_payments.test_top_ups import mailed
from tests.support.http import eventually, running
from tests.support.keys import BLIND_INDEX_KEY, SEAL_KEY, headers_for

SettingsFor = Callable[..., Any]


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


async def news(shop: Shop, about: str, subject: str, **data: Any) -> None:
    """An event of fraud's, as the feed would bring it."""
    async with shop.billing.database.transaction() as connection:
        await handle(shop.billing, connection, Event(1, "evt", about, subject, data, ""))


async def becomes(shop: Shop, buyer: Caller, payment_id: str, status: str) -> dict[str, Any]:
    async def there() -> Any:
        found = await shop.payment(buyer, payment_id)
        return found if found["status"] == status else None

    found: dict[str, Any] = await eventually(there, within_seconds=10)
    return found


async def list_account(shop: Shop, account_id: str) -> str:
    answer = await shop.http.post(
        f"{shop.billing.settings.fraud_url}/api/v1/admin/blacklist",
        json={"kind": "account", "value": account_id},
        headers=headers_for(OPERATOR, "fraud"),
    )
    assert answer.status_code == 201, answer.text
    entry_id: str = answer.json()["id"]
    return entry_id


async def test_blacklist_is_followed_as_fraud_adds_and_removes(shop: Shop) -> None:
    entry_id = await list_account(shop, a_customer().account_id)

    async def copied() -> list[str]:
        return [row.entry_id for row in await shop.rows("SELECT entry_id FROM blacklist_copy")]

    await eventually(copied)
    assert await copied() == [entry_id]
    await shop.http.delete(
        f"{shop.billing.settings.fraud_url}/api/v1/admin/blacklist/{entry_id}", headers=headers_for(OPERATOR, "fraud")
    )

    async def gone() -> bool:
        return not await copied()

    await eventually(gone)


async def test_copy_is_read_whole_and_forgets_what_is_not_listed(shop: Shop) -> None:
    entry_ids = sorted([await list_account(shop, a_customer().account_id) for _ in range(3)])
    await shop.rows("UPDATE blacklist_copy SET expires_at = now() RETURNING entry_id")
    await shop.rows("DELETE FROM blacklist_copy WHERE entry_id = $1 RETURNING entry_id", entry_ids[0])
    await news(shop, "blacklist.entry_added", "gone", kind="email", match="c" * 64, source="a", expires_at=None)
    while await copy_whole(shop.billing):
        pass
    copied = await shop.rows("SELECT entry_id, expires_at FROM blacklist_copy ORDER BY entry_id")
    assert [(row.entry_id, row.expires_at) for row in copied] == [(entry_id, None) for entry_id in entry_ids]


async def test_copy_of_the_blacklist_blocks_by_every_kind_until_the_entry_ends(open_shop: OpenShop) -> None:
    async with open_shop(fraud_away=True) as shop:
        ends = (shop.clock.now()).isoformat()
        matches = {
            "account": a_customer().account_id,
            "email": "a" * 64,
            "domain": "b" * 64,
            "ip": address_hash("192.0.2.7", BLIND_INDEX_KEY),
            "network": "2001:db8::/32",
        }
        for kind, match in matches.items():
            await news(
                shop, "blacklist.entry_added", f"blk_{kind}", kind=kind, match=match, source="a", expires_at=None
            )
        await news(shop, "blacklist.entry_added", "old", kind="email", match="c" * 64, source="a", expires_at=ends)
        listed = {
            "email": a_customer(email_hash="a" * 64),
            "domain": a_customer(domain_hash="b" * 64),
            "ip": a_customer(ip="::ffff:192.0.2.7"),
            "network": a_customer(ip="2001:db8::1"),
            "account": Caller(matches["account"], "customer", tier="verified"),
        }
        for kind, buyer in listed.items():
            assert (await shop.checkout(buyer)).json()["code"] == "payment_blocked", kind
            [payment] = (await shop.get(buyer, "/api/v1/payments")).json()["data"]
            assert [reason["code"] for reason in payment["reasons"]] == [f"blacklisted_{kind}"]
            assert payment["score"] == 100
        assert (await shop.checkout(a_customer(email_hash="c" * 64, ip="192.0.2.8"))).status_code == 201
        await news(shop, "blacklist.entry_removed", "blk_account", kind="account", match=matches["account"])
        assert (await shop.checkout(listed["account"])).status_code == 201
        assert len(await shop.rows("SELECT payment_id FROM late_assessments")) == 2


async def test_what_waited_without_fraud_goes_on_or_ends_once_it_has_judged(
    open_shop: OpenShop, settings_for: SettingsFor
) -> None:
    good, bad, gone_on = a_customer(), a_customer(), a_customer(tier="new")
    async with open_shop(fraud_away=True, fraud_away_floor_verified_minor=0) as shop:
        ids = [(await shop.checkout(buyer)).json()["payment_id"] for buyer in (good, bad, gone_on)]
        assert [(await shop.payment(good, ids[0]))["status"], (await shop.payment(gone_on, ids[2]))["status"]] == [
            "in_review",
            "pending",
        ]
        async with shop.billing.database.transaction() as connection:
            senseless: Any = {"payment_id": "a b"}
            await late_assessments.add(connection, senseless, keys={1: SEAL_KEY}, at=shop.clock.now())
        fraud = create_fraud(settings_for("fraud"))
        async with running(fraud, port=port_of(shop.billing.settings.fraud_url)):
            for listed in (bad, gone_on):
                await list_account(shop, listed.account_id)
            assert "checkout_url" in await becomes(shop, good, ids[0], "pending")
            await becomes(shop, bad, ids[1], "blocked")
            await becomes(shop, gone_on, ids[2], "blocked")
        assert [template for template, _ in await mailed(shop, good)] == ["payment_approved"]
        assert [template for template, _ in await mailed(shop, bad)] == ["payment_rejected"]
        rows = await shop.rows("SELECT assessment_id, flags FROM payments")
        assert all(row.assessment_id and row.flags == ["fraud_unavailable"] for row in rows)
        assert [row.payment_id for row in await shop.rows("SELECT payment_id FROM late_assessments")] == ["a b"]
