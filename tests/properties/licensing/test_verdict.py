"""Any denial wins; news of a subscription end the same in whatever order, however often, and whichever are lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.licensing.domain.license import (
    FINAL,
    AdminState,
    BillingNews,
    BillingState,
    License,
    LicenseId,
    Origin,
    Status,
    followed,
    status_of,
)
from services.licensing.domain.license_step import action_between
from services.licensing.domain.verdict import GRANTING, Code, checks, judge

NOW = datetime(2027, 3, 1, tzinfo=UTC)

instants = st.none() | st.integers(-(10**7), 10**7).map(lambda seconds: NOW + timedelta(seconds=seconds))
licenses = st.builds(
    License,
    id=st.just(LicenseId("lic_1")),
    account_id=st.just("acct_1"),
    plan_id=st.just("plan"),
    origin=st.sampled_from(Origin),
    created_at=st.just(NOW),
    subscription_id=st.just("sub_1"),
    billing_state=st.sampled_from(BillingState),
    admin_state=st.sampled_from(AdminState),
    expires_at=instants,
    grace_seconds=st.integers(0, 10**6),
    max_activations=st.integers(1, 3),
    entitlements=st.sets(st.sampled_from("abc")).map(lambda names: tuple(sorted(names))),
)


@given(licenses, st.sets(st.sampled_from("abcd")), st.none() | st.just("web-1"), st.integers(0, 4))
def test_it_is_valid_only_if_nothing_denies_it(
    license: License, wanted: set[str], server_id: str | None, active: int
) -> None:
    found = judge(license, now=NOW, active=active, server_id=server_id, wanted=wanted)
    paid = license.expires_at is None and license.origin is Origin.OPERATOR
    paid = paid or (license.grace_ends_at is not None and license.grace_ends_at > NOW)
    nothing_denies = (
        license.billing_state is BillingState.GOOD
        and license.admin_state is AdminState.NONE
        and paid
        and server_id is None
        and wanted <= set(license.entitlements)
    )
    assert found.valid == nothing_denies
    denials = [
        check.denial
        for check in checks(license, now=NOW, active=active, server_id=server_id, wanted=wanted)
        if check.denial is not None
    ]
    assert (found.code in GRANTING) == (not denials)
    if denials:
        assert found.code is denials[0]


@given(licenses)
def test_status_and_verdict_say_the_same(license: License) -> None:
    said = {
        Code.VALID: Status.ACTIVE,
        Code.GRACE: Status.GRACE,
        Code.EXPIRED: Status.EXPIRED,
        Code.PENDING: Status.PENDING,
        Code.SUSPENDED: Status.SUSPENDED,
        Code.REVOKED: Status.REVOKED,
    }
    assert said[judge(license, now=NOW).code] is status_of(license, NOW)


news = st.builds(
    BillingNews,
    subscription_id=st.just("sub_1"),
    account_id=st.just("acct_1"),
    customer_ref=st.just("cus_1"),
    subscription_ref=st.just("sub_1"),
    plan_id=st.sampled_from(["plan", "other"]),
    max_activations=st.integers(1, 3),
    lease_seconds=st.none() | st.just(60),
    entitlements=st.just(("a",)),
    state=st.sampled_from([state for state in BillingState if state not in FINAL]),
    reason=st.none() | st.just("dispute"),
    expires_at=instants,
    grace_seconds=st.integers(0, 10),
    version=st.just(1),
)
FRESH = License(
    id=LicenseId("lic_1"),
    account_id="acct_1",
    plan_id=None,
    origin=Origin.SUBSCRIPTION,
    subscription_id="sub_1",
    created_at=NOW,
)


@given(st.lists(news, min_size=1, max_size=6), st.data())
def test_only_the_last_news_counts(said: list[BillingNews], data: st.DataObject) -> None:
    versions = [replace(one, version=number) for number, one in enumerate(said, start=1)]
    heard = data.draw(st.permutations([*versions, *data.draw(st.lists(st.sampled_from(versions)))]))
    lost = data.draw(st.sets(st.sampled_from(versions[:-1]))) if len(versions) > 1 else set()
    license = FRESH
    for one in heard:
        if one not in lost:
            license = followed(license, one)
    assert license == followed(FRESH, versions[-1])


@given(licenses, news)
def test_billing_never_touches_what_operators_said(license: License, said: BillingNews) -> None:
    after = followed(license, said)
    assert (after.admin_state, after.admin_reason) == (license.admin_state, license.admin_reason)
    if license.admin_state is AdminState.REVOKED:
        assert judge(after, now=NOW).code is Code.REVOKED


@given(licenses.filter(lambda license: license.billing_state in FINAL), news)
def test_what_ended_for_good_does_not_come_back(license: License, said: BillingNews) -> None:
    after = followed(license, said)
    assert judge(after, now=NOW).code is Code.REVOKED
    assert action_between(license, after) is None
