"""The guards of payments that are held or not judged, and of accounts that come to be verified."""

from tests.mutations.guard import Guard

_REVIEWS = "tests/integration/billing_payments/test_reviews.py"
_WITHOUT_FRAUD = "tests/integration/billing_payments/test_without_fraud.py"
_TIERS = "tests/integration/gateway_identity/test_tiers.py"
_SCORE = "tests/unit/billing_payments/test_score.py"

HELD_PAYMENT_GUARDS = (
    Guard(
        "a held top-up that was stopped meanwhile is not charged",
        "services/billing/domain/top_up.py",
        "    return setting.enabled and setting.stopped is None and wallet.open_disputes == 0\n",
        "    return True\n",
        (f"{_REVIEWS}::test_top_up_that_was_stopped_while_it_was_held_is_not_charged",),
    ),
    Guard(
        "a decision waits for the judgement that it is about",
        "services/billing/use_cases/reviews.py",
        "    elif not _is_being_judged(payment):\n",
        "    else:\n",
        (f"{_REVIEWS}::test_decision_that_comes_before_the_judgement_is_saved_is_done_after_it",),
    ),
    Guard(
        "only a held payment, or one whose page has ended, is blocked",
        "services/billing/use_cases/reviews.py",
        "    if payment.status is Status.IN_REVIEW or page_is_over:\n",
        "    if payment.status is not Status.BLOCKED:\n",
        (f"{_REVIEWS}::test_payment_that_its_customer_left_is_not_brought_back",),
    ),
    Guard(
        "the blacklist's copy blocks while fraud is away",
        "services/billing/use_cases/judging.py",
        "    return _listed(payment, kinds) if kinds else _unassessed(payment, floor_minor)\n",
        "    return _unassessed(payment, floor_minor)\n",
        (f"{_WITHOUT_FRAUD}::test_copy_of_the_blacklist_blocks_by_every_kind_until_the_entry_ends",),
    ),
    Guard(
        "an entry that has ended bites nobody",
        "services/billing/store/blacklist_copy.py",
        "            WHERE (expires_at IS NULL OR expires_at > :at)\n",
        "            WHERE (expires_at IS NULL OR :at > '-infinity'::timestamptz)\n",
        (f"{_WITHOUT_FRAUD}::test_copy_of_the_blacklist_blocks_by_every_kind_until_the_entry_ends",),
    ),
    Guard(
        "what is past the floor waits for fraud",
        "services/billing/use_cases/judging.py",
        "    goes_on = payment.usd_minor <= floor_minor\n",
        "    goes_on = True\n",
        (f"{_WITHOUT_FRAUD}::test_what_waited_without_fraud_goes_on_or_ends_once_it_has_judged",),
    ),
    Guard(
        "what is no score lets no payment through",
        "services/billing/domain/score.py",
        "    if not score.is_finite() or not 0 <= score <= HIGHEST or score != round(score, 2):\n",
        "    if not score.is_finite():\n",
        (f"{_SCORE}::test_what_is_no_score_is_not_taken_for_one",),
    ),
    Guard(
        "an account without a confirmed address is not verified",
        "services/gateway/store/paid_payments.py",
        "accounts.email_verified_at IS NOT NULL",
        "accounts.role = 'customer'",
        (f"{_TIERS}::test_week_old_payment_verifies_an_account_once_its_address_is_confirmed",),
    ),
    Guard(
        "what was given back or is disputed verifies nobody",
        "services/gateway/events/billing.py",
        '_BAD = frozenset({"payment.refunded", "payment.disputed"})\n',
        "_BAD: frozenset[str] = frozenset()\n",
        (f"{_TIERS}::test_payment_that_was_given_back_or_is_disputed_verifies_nobody",),
    ),
    Guard(
        "a tier that an operator set stays",
        "services/gateway/use_cases/operators.py",
        '        settled = {"tier_is_set": True} if "tier" in change else {}\n',
        "        settled: dict[str, object] = {}\n",
        (f"{_TIERS}::test_tier_that_an_operator_set_stays",),
    ),
)
