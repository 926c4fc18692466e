"""The verdict on a payment."""

from datetime import UTC, datetime
from ipaddress import ip_address

from services.fraud.domain.assessment import Payment, judge, snapshot
from services.fraud.domain.blacklist import Entry, EntryId, Traits

NOW = datetime(2027, 1, 1, tzinfo=UTC)
PAYMENT = Payment(
    payment_id="pay_1",
    account_id="acct_1",
    kind="credits",
    amount_usd_minor=500,
    currency="usd",
    traits=Traits(account_id="acct_1", email_match="e", ip=ip_address("192.0.2.7"), ip_match="i"),
)


def test_payment_that_nothing_lists_is_allowed() -> None:
    verdict = judge(PAYMENT, [], at=NOW)
    assert (verdict.decision, verdict.score, verdict.reasons) == ("allow", 0, ())


def test_listed_payment_is_blocked_with_a_reason_for_each_kind() -> None:
    entries = [
        Entry(EntryId("blk_3"), "network", "192.0.2.0/24", None),
        Entry(EntryId("blk_2"), "network", "192.0.0.0/16", None),
        Entry(EntryId("blk_1"), "email", "e", None),
    ]
    verdict = judge(PAYMENT, entries, at=NOW)
    assert (verdict.decision, verdict.score) == ("block", 100)
    assert [reason.code for reason in verdict.reasons] == ["blacklisted_email", "blacklisted_network"]
    assert len(verdict.entries) == 3


def test_candidate_that_does_not_bite_blocks_nothing() -> None:
    assert judge(PAYMENT, [Entry(EntryId("blk_1"), "email", "another", None)], at=NOW).decision == "allow"


def test_snapshot_holds_the_features_but_no_address() -> None:
    kept = snapshot(PAYMENT, judge(PAYMENT, [Entry(EntryId("blk_1"), "ip", "i", None)], at=NOW))
    assert kept["blacklist"] == ["blk_1"] and kept["ip"] == "i"
    assert "192.0.2.7" not in str(kept)
