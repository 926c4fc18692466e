"""The guards that licenses' verdicts hang on."""

from tests.mutations.guard import Guard

_VERDICT = "tests/properties/licensing/test_verdict.py"
_FOLLOWING = "tests/integration/licensing/test_following.py"
_VALIDATION = "tests/integration/licensing/test_validation.py"
_DEEDS = "tests/integration/licensing/test_deeds.py"

LICENSE_GUARDS = (
    Guard(
        "older news change nothing",
        "services/licensing/domain/license.py",
        "    if news.version <= license.billing_version:\n        return license\n",
        "",
        (f"{_VERDICT}::test_only_the_last_news_counts",),
    ),
    Guard(
        "what ended for good does not come back",
        "services/licensing/domain/license.py",
        "    if license.billing_state in FINAL:\n        return replace(license, billing_version=news.version)\n",
        "",
        (f"{_VERDICT}::test_what_ended_for_good_does_not_come_back",),
    ),
    Guard(
        "good without a paid end grants nothing",
        "services/licensing/domain/license.py",
        "return self.billing_state is BillingState.PENDING or unpaid",
        "return self.billing_state is BillingState.PENDING",
        (f"{_FOLLOWING}::test_what_was_never_paid_is_not_good_whatever_billing_says",),
    ),
    Guard(
        "no key is mailed before it is paid",
        "services/licensing/use_cases/following.py",
        "    if not is_good or license.welcomed_at is not None:\n",
        "    if license.welcomed_at is not None:\n",
        (f"{_FOLLOWING}::test_a_key_waits_for_payment_and_is_mailed_once",),
    ),
    Guard(
        "a forged key is refused before any look-up",
        "services/licensing/use_cases/validation.py",
        "    if not is_ours:\n        return Answer(BAD_SIGNATURE, None, taken)\n",
        "",
        (f"{_VALIDATION}::test_a_changed_digit_is_refused_without_the_database",),
    ),
    Guard(
        "what is remembered of a license is forgotten when it changes",
        "services/licensing/use_cases/changing.py",
        "    await changes.note(connection, LICENSE_CHANGED, license.id)\n",
        "",
        (f"{_VALIDATION}::test_a_revoked_key_is_refused_by_the_other_replica_too",),
    ),
    Guard(
        "a replaced key ends with its overlap",
        "services/licensing/use_cases/validation.py",
        "    if known.valid_until is not None and licensing.clock.real_now() >= known.valid_until:\n"
        "        return REPLACED\n",
        "",
        (f"{_DEEDS}::test_a_leaked_key_is_replaced_and_works_until_the_overlap_is_over",),
    ),
    Guard(
        "no more than two keys of a license work",
        "services/licensing/store/license_keys.py",
        "THEN :until ELSE :real_now END",
        "THEN :until ELSE least(valid_until, :until) END",
        (f"{_DEEDS}::test_no_more_than_two_keys_work_however_often_it_is_rotated",),
    ),
    Guard(
        "an activation with a fingerprint asks for it",
        "services/licensing/domain/verdict.py",
        'return Check("fingerprint", Code.FINGERPRINT_MISMATCH, told)',
        'return Check("fingerprint", None, told)',
        ("tests/unit/licensing/test_verdict.py::test_activations_are_judged_in_order",),
    ),
)
