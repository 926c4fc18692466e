"""Guards of sales."""

from tests.mutations.guard import Guard

_LIMITS = "services/billing/domain/sale_limits.py"
_TYPES = "tests/unit/billing_payments/test_business_types.py"
_RULES = "tests/unit/billing_payments/test_sale_rules.py"
_SALES = "tests/integration/billing_payments/test_sales.py"

SALE_GUARDS = (
    Guard(
        "a sale keeps to its range",
        _LIMITS,
        "if not rules.least_usd_minor <= sale.usd_minor <= rules.most_usd_minor:",
        "if not rules.least_usd_minor <= sale.usd_minor <= rules.most_usd_minor + 1:",
        (f"{_TYPES}::test_amounts_are_from_the_least_to_the_most_to_the_cent",),
    ),
    Guard(
        "a tip keeps to its share",
        _LIMITS,
        "<= sale.amount_minor * rules.most_tip_bp:",
        "< (sale.amount_minor + 2) * rules.most_tip_bp:",
        (f"{_TYPES}::test_a_restaurants_tip_is_up_to_half_of_the_amount_to_the_cent",),
    ),
    Guard(
        "a new account is not verified",
        "services/billing/use_cases/sales.py",
        'verified=buyer.tier != "new",',
        "verified=True,",
        (f"{_SALES}::test_what_the_rules_refuse_leaves_nothing_behind",),
    ),
    Guard(
        "a day's total is full to the cent",
        _LIMITS,
        "if limit is not None and used + usd_minor > limit:",
        "if limit is not None and used + usd_minor > limit + 1:",
        (f"{_TYPES}::test_windows_are_full_to_the_cent_and_to_the_payment",),
    ),
    Guard(
        "sales at once share no room",
        "services/billing/use_cases/sales.py",
        "        await lock_wallet(connection, payment.account_id, at=now)\n",
        "",
        (f"{_SALES}::test_sales_at_once_never_exceed_a_limit",),
    ),
    Guard(
        "another customer's card pays nothing",
        "services/billing/domain/sale.py",
        "if card is None or card.customer_id not in (None, customer_id):",
        "if card is None:",
        (f"{_RULES}::test_a_card_pays_for_its_own_customer_or_for_whoever_has_made_it",),
    ),
    Guard(
        "a sale adds no credits",
        "services/billing/use_cases/settlement.py",
        "buys_credits = payment.type == CREDITS",
        "buys_credits = True",
        (f"{_SALES}::test_a_card_that_is_declined_charges_nothing_and_frees_its_room",),
    ),
    Guard(
        "the same request is the same sale",
        "services/billing/use_cases/sales.py",
        "    if order.asked_key is None:\n",
        "    if order.asked_key is not None:\n",
        (f"{_SALES}::test_a_card_that_is_declined_charges_nothing_and_frees_its_room",),
    ),
)
