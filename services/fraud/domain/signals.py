"""What a payment is judged by: the only vocabulary of rules and of stored snapshots (U9, S13).

Every signal has a value in every judgement; what is not known is said by a value that each meaning names, never by
absence. Amounts are US cents, hours and days are UTC. Windows slide: a minute, an hour, a day back from the payment,
which itself is counted. FEATURES_VERSION counts changes of names, types and meanings; a snapshot is read by its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

FEATURES_VERSION = 2

Value = int | float | bool | str
Signals = Mapping[str, Value]

ENTITIES = ("account", "card", "ip", "device", "mailbox")
WINDOWS = ("minute", "hour", "day")
MOST_ACCOUNTS_COUNTED = 20


@dataclass(frozen=True, slots=True)
class Signal:
    """One name of the vocabulary: its type, its value where it is not known, and what it means."""

    name: str
    type: type[int] | type[float] | type[bool] | type[str]
    unknown: Value
    meaning: str


def _count(name: str, meaning: str, unknown: int = 0) -> Signal:
    return Signal(name, int, unknown, meaning)


def _claim(name: str, meaning: str) -> Signal:
    return Signal(name, bool, False, meaning)


def _word(name: str, meaning: str) -> Signal:
    return Signal(name, str, "", meaning)


def _velocity() -> Iterator[Signal]:
    for entity in ENTITIES:
        for window in WINDOWS:
            yield _count(
                f"{entity}_payments_{window}", f"payments by the same {entity} within a {window}; 0: not known"
            )
            yield _count(
                f"{entity}_failed_{window}", f"of those by the same {entity} within a {window}, those that failed"
            )
        yield _count(f"{entity}_amount_day", f"their sum within a day in US cents, by the same {entity}")
    for of, what in (
        ("account", "cards"),
        ("account", "ips"),
        ("account", "devices"),
        ("card", "accounts"),
        ("ip", "accounts"),
        ("ip", "cards"),
        ("device", "accounts"),
        ("mailbox", "accounts"),
    ):
        yield _count(f"{of}_{what}_day", f"different {what} with the same {of} within a day; 0: not known")


_FACTS = (
    _count("amount_usd_minor", "the amount in US cents"),
    _word("currency", "the payment's currency, as usd"),
    _word("kind", "credits or sale"),
    _word("origin", "who set it off: checkout, auto_top_up or sale; empty: not known"),
    _word("business_type", "of a sale: retail, restaurant, service, subscription, gaming or iot; else empty"),
    _word("tier", "the account's tier: new, verified or enterprise; empty: not known"),
    _count("account_age_hours", "whole hours since the account was made; -1: not known", -1),
    _count("paid_payments", "payments of the account that have succeeded so far; -1: not known", -1),
    _claim("is_first_sale", "a sale, and no sale of the account has succeeded yet"),
    _claim("has_card", "it is known which card pays"),
    _claim("has_device", "a registered device was named"),
    _claim("has_ip", "the caller's address is known"),
    _claim("has_email", "the account's mailbox is known"),
    _word("card_country", "the country of the card's issuer in two capitals; empty: not known"),
    _word("card_funding", "credit, debit, prepaid or unknown; empty: not known"),
    _claim("features_available", "the counters (velocity) could be read; where not, they are all 0"),
)

_HISTORY = (
    _count("history_payments", "earlier payments of the account that are looked back at, at most 50"),
    _count("account_typical_minor", "the median amount of those in US cents; 0: fewer than 3"),
    _count("account_largest_minor", "the largest of those in US cents; 0: none"),
    _count("amount_over_typical_percent", "the amount in percent of the account's median; 0: not known"),
    _count(
        "amount_over_tier_percent",
        "the amount in percent of what 95 of 100 payments of its tier stay under; 0: not known",
    ),
    _count("amounts_rising", "how many of the last payments, this one included, each doubled the one before"),
    _count("hours_since_last", "whole hours since the account's last payment; -1: none", -1),
    _count("held_or_blocked_before", "of those earlier payments, how many were held or blocked"),
)

_LOCATION = (
    _word("ip_country", "the country of the network that the payment came from; empty: not known"),
    _word("ip_kind", "that network's kind: hosting, residential, mobile or business; empty: not known"),
    _claim("is_hosting_network", "it came from a network of servers"),
    _claim("is_card_country_other", "the card's country and the network's are known and differ"),
    _claim("is_country_new", "the account paid before, and never from this country"),
    _count("travel_km", "from the last place to this, less both networks' radius; -1: not known", -1),
    _count("travel_kmh", "the speed that takes; -1: not known", -1),
    _claim("is_travel_impossible", "farther than 100 km and faster than 1,000 km/h"),
)

_TIME = (
    _count("hour", "the hour of the day, 0 to 23, UTC"),
    _count("weekday", "1 is Monday, 7 is Sunday, UTC"),
    _count(
        "hour_share_percent",
        "how many of 100 earlier payments fell within two hours of this time; -1: fewer than 10",
        -1,
    ),
    _claim("is_hour_unusual", "of at least 10 earlier payments none fell within two hours of this time of day"),
)

_DEVICE = (
    _claim("is_device_new", "the account paid before, and never with this device"),
    _claim("is_device_changed_in_session", "another device paid within the same session"),
    _count(
        "device_accounts", f"accounts that ever paid with this device, at most {MOST_ACCOUNTS_COUNTED}; 0: not known"
    ),
    _count(
        "fingerprint_accounts",
        f"accounts that claimed devices of this fingerprint, at most {MOST_ACCOUNTS_COUNTED}; 0: not known or none",
    ),
    _word("device_type", "as it was registered, as phone or iot; empty: not known"),
)

_DUPLICATES = (
    _claim("is_card_new", "the account paid before, and never with this card"),
    _claim("is_ip_new", "the account paid before, and never from this address"),
    _count("card_accounts", f"accounts that ever paid with this card, at most {MOST_ACCOUNTS_COUNTED}; 0: not known"),
    _count("ip_accounts", f"accounts that ever paid from this address, at most {MOST_ACCOUNTS_COUNTED}; 0: not known"),
    _count(
        "mailbox_accounts",
        f"accounts of this mailbox under whatever alias that ever paid, at most {MOST_ACCOUNTS_COUNTED}; 0: not known",
    ),
    _claim("is_domain_disposable", "the email address is of a domain that gives mailboxes away for minutes"),
)

_BOTS = (
    _word("user_agent_kind", "what the caller says it is: browser, app, script or crawler; empty: it says nothing"),
    _claim(
        "is_bot",
        "a crawler, or a browser that a program drives, by its own words; a script with a key of its own is none",
    ),
    _claim(
        "is_even_pace", "the last five payments came within an hour, at the same distance to a tenth: no person's pace"
    ),
)

SIGNALS: Mapping[str, Signal] = MappingProxyType(
    {
        signal.name: signal
        for group in (_FACTS, _HISTORY, _LOCATION, _TIME, _DEVICE, _DUPLICATES, _BOTS, tuple(_velocity()))
        for signal in group
    }
)


def all_unknown() -> dict[str, Value]:
    """Every signal as it is where nothing is known."""
    return {name: signal.unknown for name, signal in SIGNALS.items()}
