"""The rules that come with the platform (U9, S13, S15): each weighs several signals, so that one odd fact about an
honest customer never holds a payment. Two of U9's eight stand elsewhere: the blacklist is a gate before all rules, and
the model's probability goes into the score by itself.

Amounts are US cents. A device at a counter, on a wall or in a car is many people's; games and machines pay often: the
rules say so rather than leave it to the weights. The details are what a customer may read: none names a limit.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShippedRule:
    """A rule as `rule.Draft` has it, with its code."""

    code: str
    expression: str
    weight_bp: int
    detail: str


SHIPPED = (
    ShippedRule(
        "unusual_velocity",
        """
!(business_type in ["gaming", "iot"]) && origin != "auto_top_up" && (
  account_payments_minute >= 8 || account_payments_hour >= 30 ||
  account_amount_day >= 2000000 && tier != "enterprise" ||
  card_payments_hour >= 30 || card_accounts_day >= 4 ||
  mailbox_payments_hour >= 30 ||
  device_payments_minute >= 8 && !(device_type in ["pos_terminal", "smart_tv", "vehicle"]) ||
  ip_payments_minute >= 40 && ip_cards_day >= 20
)
        """.strip(),
        4_000,
        "More payments than usual in a short time.",
    ),
    ShippedRule(
        "card_testing",
        """
account_failed_hour >= 6 || card_failed_hour >= 6 || mailbox_failed_hour >= 6 ||
account_cards_day >= 4 && account_failed_day >= 3 ||
device_failed_hour >= 8 && device_accounts_day >= 2 ||
ip_cards_day >= 8 && ip_failed_hour >= 8
        """.strip(),
        7_500,
        "Several attempts to pay failed.",
    ),
    ShippedRule(
        "amount_anomaly",
        """
amount_usd_minor >= 10000 && tier != "enterprise" && (
  amount_over_typical_percent >= 1000 && amount_usd_minor > account_largest_minor * 2 ||
  amount_over_tier_percent >= 400 && paid_payments in [-1, 0] && !is_first_sale ||
  amounts_rising >= 4
)
        """.strip(),
        3_500,
        "The amount is unusual for this account.",
    ),
    ShippedRule(
        "device_anomaly",
        """
is_device_changed_in_session ||
is_device_new && is_ip_new && is_card_new ||
device_accounts >= 6 && !(device_type in ["pos_terminal", "smart_tv", "vehicle", "game_console", "iot"])
        """.strip(),
        3_500,
        "The device is new here or used by several accounts.",
    ),
    ShippedRule(
        "location_anomaly",
        """
is_travel_impossible && (is_device_new || is_card_new || is_country_new) ||
is_card_country_other && (is_hosting_network || is_country_new && is_device_new) ||
is_hosting_network && is_country_new && is_card_new
        """.strip(),
        4_000,
        "The place that the payment came from does not fit the account or the card.",
    ),
    ShippedRule(
        "time_pattern",
        """
is_hour_unusual && (is_device_new || is_ip_new || amount_over_typical_percent >= 500) ||
is_even_pace && origin == "checkout" && account_payments_day >= 5
        """.strip(),
        2_000,
        "The time of the payment is unusual for this account.",
    ),
    ShippedRule(
        "duplicate_identity",
        """
mailbox_accounts >= 3 || card_accounts >= 5 ||
fingerprint_accounts >= 4 && !(device_type in ["pos_terminal", "smart_tv", "vehicle", "game_console", "iot"]) ||
is_domain_disposable && (device_accounts >= 2 || card_accounts >= 2 || ip_accounts_day >= 3) ||
device_accounts >= 4 && card_accounts >= 2 && device_type in ["phone", "tablet", "desktop", "wearable"]
        """.strip(),
        4_500,
        "Several accounts seem to belong to one person.",
    ),
    ShippedRule(
        "automated_caller",
        """
is_bot && origin == "checkout" && (
  is_domain_disposable || is_even_pace || account_failed_hour >= 3 || ip_failed_hour >= 5 || device_accounts >= 4
)
        """.strip(),
        3_000,
        "The payment seems to be made by a program.",
    ),
    ShippedRule(
        "troubled_history",
        """
held_or_blocked_before >= 2 && paid_payments in [-1, 0, 1, 2] && (
  account_failed_day >= 2 || card_accounts >= 2 || device_accounts >= 2 || is_domain_disposable
)
        """.strip(),
        3_500,
        "Earlier payments of this account were held.",
    ),
    ShippedRule(
        "first_large_sale",
        "is_first_sale && amount_usd_minor >= 500000",
        7_000,
        "A first sale of this size is looked at by a person.",
    ),
    ShippedRule(
        "unusual_for_business",
        """
business_type == "subscription" && account_payments_hour >= 6 ||
business_type == "gaming" && amount_usd_minor >= 20000 && account_age_hours >= 0 && account_age_hours < 24 ||
business_type == "iot" && !(device_type in ["iot", "vehicle", "wearable", "smart_tv"]) && has_device ||
kind == "credits" && card_funding == "prepaid" && account_age_hours == 0 && amount_over_tier_percent >= 150
        """.strip(),
        3_000,
        "The payment is unusual for this kind of business.",
    ),
)
