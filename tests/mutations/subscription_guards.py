"""The guards of subscriptions: what may deny, restore, extend, charge and refund."""

from tests.mutations.guard import Guard

_DOMAIN = "services/billing/domain/subscriptions"
_STANDING = "tests/unit/billing_subscriptions/test_standing.py"
_NOTICES = "tests/unit/billing_subscriptions/test_notices.py"
_DEEDS = "tests/unit/billing_subscriptions/test_deeds.py"
_LIVES = "tests/properties/billing_subscriptions/test_standing.py"
_ENDING = "tests/integration/billing_subscriptions/test_ending.py"
_BEGINNING = "tests/integration/billing_subscriptions/test_beginning.py"

SUBSCRIPTION_GUARDS = (
    Guard(
        "subscription: a state that was asked for earlier changes nothing",
        f"{_DOMAIN}/standing.py",
        "    if before.asked_at is not None and state.asked_at < before.asked_at:\n        return before\n",
        "",
        (
            f"{_STANDING}::test_state_that_was_asked_for_earlier_changes_nothing",
            f"{_LIVES}::test_old_states_that_arrive_late_and_doubled_change_nothing",
        ),
    ),
    Guard(
        "subscription: what has ended stays so",
        f"{_DOMAIN}/standing.py",
        "    if known.standing in FINAL:\n        return Judgement(known.status, known.standing, known.reason)\n",
        "",
        (f"{_STANDING}::test_what_has_ended_stays_so",),
    ),
    Guard(
        "subscription: one of two unpaid invoices restores nothing",
        f"{_DOMAIN}/standing.py",
        "for invoice in [*unpaid, *_paid_meanwhile(state, unpaid)])",
        "for invoice in unpaid)",
        (f"{_STANDING}::test_one_of_two_unpaid_invoices_restores_nothing_looked_at_or_not",),
    ),
    Guard(
        "subscription: only an invoice that cost something adds a period",
        f"{_DOMAIN}/subscription.py",
        'self.status == "paid" and self.costs and',
        'self.status == "paid" and',
        (f"{_STANDING}::test_free_invoice_adds_no_period_and_a_trial_does",),
    ),
    Guard(
        "subscription: a receipt follows only what moved the end",
        f"{_DOMAIN}/notices.py",
        " and invoice.period_end_at > before.expires_at:",
        ":",
        (f"{_NOTICES}::test_receipt_follows_a_payment_that_moved_the_end",),
    ),
    Guard(
        "subscription: a card that was refused is not charged again",
        f"{_DOMAIN}/deeds.py",
        "if card is not None and card != failing.failed_card_id",
        "if card is not None",
        (f"{_DEEDS}::test_failed_invoice_is_paid_by_a_card_that_was_not_refused",),
    ),
    Guard(
        "subscription: only what was paid after the end is refunded",
        f"{_DOMAIN}/deeds.py",
        " and invoice.paid_at > after.canceled_at",
        "",
        (f"{_DEEDS}::test_only_what_was_paid_after_the_end_is_refunded",),
    ),
    Guard(
        "subscription: another account's is not taken for ours",
        "services/billing/use_cases/subscription_settling.py",
        'state.metadata.get("account_id") != found.account_id',
        "False",
        (f"{_BEGINNING}::test_another_products_subscription_changes_nothing",),
    ),
    Guard(
        "subscription: one of ours has one of Stripe's",
        "services/billing/use_cases/subscription_settling.py",
        "    if found.stripe_subscription_id not in {None, state.id}:\n"
        '        return "the subscription here is another of Stripe\'s"\n',
        "",
        (f"{_BEGINNING}::test_second_subscription_of_stripes_under_one_of_ours_is_ignored",),
    ),
    Guard(
        "subscription: a line that prorates sells no period",
        "services/billing/clients/stripe/subscriptions.py",
        'return details is not None and not details.get("proration")',
        "return details is not None or True",
        (f"{_ENDING}::test_upgrade_charges_the_difference_and_extends_nothing",),
    ),
)
