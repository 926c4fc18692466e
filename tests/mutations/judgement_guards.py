"""Guards of fraud's judgement."""

from tests.mutations.guard import Guard

_SCORE = "tests/unit/fraud/test_score.py"
_ASSESSMENT = "tests/unit/fraud/test_assessment.py"
_JUDGEMENT = "tests/integration/fraud/test_judgement.py"

JUDGEMENT_GUARDS = (
    Guard(
        "a score on the limit is blocked",
        "services/fraud/domain/score.py",
        "hundredths >= limits.block_hundredths",
        "hundredths > limits.block_hundredths",
        (f"{_SCORE}::test_weights_alone_reach_the_limits_exactly",),
    ),
    Guard(
        "a score on the limit is held",
        "services/fraud/domain/score.py",
        "hundredths >= limits.review_hundredths",
        "hundredths > limits.review_hundredths",
        (f"{_SCORE}::test_weights_alone_reach_the_limits_exactly",),
    ),
    Guard(
        "rules in shadow decide nothing",
        "services/fraud/domain/assessment.py",
        "(each.weight_bp for each in found.fired)",
        "(each.weight_bp for each in (*found.fired, *found.shadow))",
        (f"{_ASSESSMENT}::test_what_is_in_shadow_decides_nothing",),
    ),
    Guard(
        "the blacklist is asked before the score",
        "services/fraud/use_cases/assess_payment.py",
        "gated(payment, background.entries, at=now) or scored(",
        "scored(",
        ("tests/integration/fraud/test_assessments.py::test_every_reason_is_given",),
    ),
    Guard(
        "a payment is another account's only once",
        "services/fraud/use_cases/assess_payment.py",
        "if known.account_id != payment.account_id:",
        "if False:",
        ("tests/integration/fraud/test_assessments.py::test_payment_of_another_account_is_a_conflict",),
    ),
    Guard(
        "Redis away stops no judgement",
        "services/fraud/use_cases/assess_payment.py",
        "    except VelocityDown as error:",
        "    except ZeroDivisionError as error:",
        (f"{_JUDGEMENT}::test_without_redis_it_is_judged_without_counters_and_says_so",),
    ),
    Guard(
        "a held payment has a case",
        "services/fraud/domain/assessment.py",
        'if verdict.decision == "review":',
        'if verdict.decision == "never":',
        (f"{_ASSESSMENT}::test_a_person_looks_at_what_is_held_and_at_what_is_large",),
    ),
)
