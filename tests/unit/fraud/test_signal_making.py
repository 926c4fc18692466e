"""Signals from facts: what each says, and what it says where nothing is known."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from services.fraud.domain.facts import (
    Background,
    KnownDevice,
    Network,
    PastPayment,
    Payment,
    Place,
    TraitKind,
    TraitUse,
)
from services.fraud.domain.signal_making.all_signals import signals_of
from services.fraud.domain.signal_making.bots import kind_of
from services.fraud.domain.signal_making.location import shortest_km
from services.fraud.domain.signals import SIGNALS, Value, all_unknown
from services.fraud.domain.velocity import NOTHING_READ
from tests.unit.fraud.payments import BERLIN, MUNICH, NEW_YORK, NOW, PAYMENT, POTSDAM, past, paying


def made(payment: Payment = PAYMENT, background: Background | None = None, **reading: int) -> dict[str, Value]:
    return signals_of(
        payment,
        background or Background(),
        {**NOTHING_READ, **reading},
        seen_at=NOW,
        disposable_domains=frozenset({"digest of a disposable domain"}),
    )


def after(*payments: PastPayment, **known: Any) -> Background:
    return Background(past=payments, **known)


def test_every_signal_is_made_and_of_its_type() -> None:
    signals = made(
        paying(ip=ip_address("192.0.2.7"), ip_match="i"), after(past(), network=Network("DE", "mobile", BERLIN))
    )
    assert signals.keys() == SIGNALS.keys()
    for name, value in signals.items():
        assert type(value) is SIGNALS[name].type, name


def test_what_is_not_known_is_said_by_the_value_that_the_vocabulary_names() -> None:
    told = {"amount_usd_minor", "currency", "kind", "hour", "weekday", "features_available"}
    assert {name: value for name, value in made().items() if name not in told} == {
        name: value for name, value in all_unknown().items() if name not in told
    }


def test_counters_that_could_not_be_read_are_nought_and_said_to_be_unknown() -> None:
    signals = signals_of(PAYMENT, Background(), None, seen_at=NOW, disposable_domains=frozenset())
    assert signals["features_available"] is False and signals["card_failed_hour"] == 0
    assert made(card_failed_hour=3)["card_failed_hour"] == 3


def test_account_is_as_old_as_whole_hours_say() -> None:
    payment = replace(PAYMENT, account_created_at=NOW - timedelta(minutes=179))
    assert made(payment)["account_age_hours"] == 2
    assert made(replace(PAYMENT, account_created_at=NOW + timedelta(hours=1)))["account_age_hours"] == 0


@pytest.mark.parametrize(
    ("kind", "first", "said"), [("sale", True, True), ("sale", None, False), ("credits", True, False)]
)
def test_first_sale_is_a_sale_that_billing_calls_the_first(kind: Any, first: bool | None, said: bool) -> None:
    assert made(replace(PAYMENT, kind=kind, first_sale=first))["is_first_sale"] is said


# Amounts


def amounts(*cents: int, decision: str = "allow") -> list[PastPayment]:
    return [past(amount_usd_minor=amount, decision=decision) for amount in cents]


def test_typical_amount_is_the_median_of_three_or_more() -> None:
    assert made(background=after(*amounts(100, 900)))["account_typical_minor"] == 0
    signals = made(background=after(*amounts(100, 900, 200)))
    assert (signals["account_typical_minor"], signals["account_largest_minor"]) == (200, 900)
    assert signals["amount_over_typical_percent"] == 250


def test_blocked_amounts_set_no_measure_and_are_counted() -> None:
    signals = made(
        background=after(*amounts(100, 100, 100), *amounts(9_000, decision="block"), *amounts(50, decision="review"))
    )
    assert signals["account_largest_minor"] == 100
    assert (signals["held_or_blocked_before"], signals["history_payments"]) == (2, 5)


def test_amount_is_measured_against_its_tier() -> None:
    assert made(background=after(tier_high_minor=250))["amount_over_tier_percent"] == 200


@pytest.mark.parametrize(
    ("before", "steps"), [((), 0), ((250,), 1), ((251,), 0), ((250, 125), 2), ((250, 125, 100), 2), ((0,), 0)]
)
def test_rising_counts_doublings_back_from_now(before: tuple[int, ...], steps: int) -> None:
    assert made(background=after(*amounts(*before)))["amounts_rising"] == steps


def test_hours_since_the_last_payment_are_whole() -> None:
    assert made(background=after(past(ago=timedelta(minutes=119))))["hours_since_last"] == 1


# Location


def from_place(place: Place | None, country: str = "DE", kind: str = "residential") -> Network:
    return Network(country, kind, place)


def travel(last: Place | None, now: Place | None, ago: timedelta) -> dict[str, Value]:
    return made(background=after(past(place=last, ago=ago), network=from_place(now)))


def test_nearer_than_both_radii_is_no_journey() -> None:
    signals = travel(BERLIN, POTSDAM, timedelta(seconds=5))
    assert (signals["travel_km"], signals["travel_kmh"], signals["is_travel_impossible"]) == (0, 0, False)


def test_across_the_ocean_in_an_hour_is_impossible_and_in_a_day_is_not() -> None:
    assert travel(BERLIN, NEW_YORK, timedelta(hours=1))["is_travel_impossible"] is True
    assert travel(BERLIN, NEW_YORK, timedelta(days=1))["is_travel_impossible"] is False


def test_distance_counts_less_where_places_are_rough() -> None:
    exact = shortest_km(BERLIN, MUNICH)
    assert 440 < exact < 480
    assert shortest_km(replace(BERLIN, radius_km=300), replace(MUNICH, radius_km=300)) == 0


def test_payments_at_the_same_moment_are_taken_as_a_minute_apart() -> None:
    signals = travel(BERLIN, MUNICH, timedelta())
    assert signals["travel_kmh"] == pytest.approx(shortest_km(BERLIN, MUNICH) * 60, abs=1)


@pytest.mark.parametrize(("last", "now"), [(None, BERLIN), (BERLIN, None)])
def test_no_journey_is_known_without_both_places(last: Place | None, now: Place | None) -> None:
    signals = travel(last, now, timedelta(hours=1))
    assert (signals["travel_km"], signals["is_travel_impossible"]) == (-1, False)


def test_last_known_place_is_where_the_journey_began() -> None:
    history = after(
        past(ago=timedelta(minutes=30)), past(place=NEW_YORK, ago=timedelta(hours=2)), network=from_place(BERLIN)
    )
    assert made(background=history)["is_travel_impossible"] is True


@pytest.mark.parametrize(
    ("card", "network", "other"), [("DE", "DE", False), ("US", "DE", True), (None, "DE", False), ("US", None, False)]
)
def test_card_and_network_differ_only_where_both_are_known(card: str | None, network: str | None, other: bool) -> None:
    known = Background(network=None if network is None else from_place(None, network))
    assert made(replace(PAYMENT, card_country=card), known)["is_card_country_other"] is other


def test_a_country_is_new_to_an_account_that_was_seen_in_others() -> None:
    def is_new(*before: str | None) -> Value:
        history = [past(country=country) for country in before]
        return made(background=after(*history, network=from_place(None)))["is_country_new"]

    assert (is_new(), is_new(None), is_new("FR"), is_new("FR", "DE")) == (False, False, True, False)


def test_servers_networks_are_told_apart() -> None:
    assert made(background=Background(network=from_place(None, kind="hosting")))["is_hosting_network"] is True
    assert made(background=Background(network=from_place(None, kind="mobile")))["is_hosting_network"] is False


# Time


def at_hours(*hours: float, origin: str = "checkout") -> list[PastPayment]:
    """On the days before, so many hours from noon."""
    return [past(ago=timedelta(days=day + 1) - timedelta(hours=hour), origin=origin) for day, hour in enumerate(hours)]


def test_hour_is_unusual_where_ten_payments_fell_elsewhere() -> None:
    assert made(background=after(*at_hours(*[5] * 9)))["hour_share_percent"] == -1
    signals = made(background=after(*at_hours(*[5] * 10)))
    assert (signals["hour_share_percent"], signals["is_hour_unusual"]) == (0, True)
    signals = made(background=after(*at_hours(*[5] * 9, 2)))
    assert (signals["hour_share_percent"], signals["is_hour_unusual"]) == (10, False)
    assert (signals["hour"], signals["weekday"]) == (12, 1)


def test_midnight_is_near_to_both_sides() -> None:
    late = replace(PAYMENT, occurred_at=NOW.replace(hour=23, minute=30))
    history = after(*at_hours(*[12.75] * 10))
    assert made(late, history)["is_hour_unusual"] is False


def test_topping_up_by_itself_is_no_habit() -> None:
    assert made(background=after(*at_hours(*[5] * 10, origin="auto_top_up")))["hour_share_percent"] == -1
    topped_up = replace(PAYMENT, origin="auto_top_up")
    assert made(topped_up, after(*at_hours(*[5] * 10)))["is_hour_unusual"] is False


# Devices and duplicates


def test_a_trait_is_new_to_an_account_that_paid_before_without_it() -> None:
    payment = paying(device_id="dev_1", card_fingerprint="c", ip_match="i")
    known: dict[TraitKind, TraitUse] = {
        "device": TraitUse(3, by_this_account=False),
        "card": TraitUse(2, by_this_account=True),
    }
    signals = made(payment, after(past(), uses=known))
    assert (signals["is_device_new"], signals["is_card_new"], signals["is_ip_new"]) == (True, False, True)
    assert (signals["device_accounts"], signals["card_accounts"], signals["ip_accounts"]) == (4, 2, 1)


def test_nothing_is_new_about_a_first_payment() -> None:
    signals = made(paying(device_id="dev_1", card_fingerprint="c"))
    assert (signals["is_device_new"], signals["is_card_new"]) == (False, False)


def test_sharing_is_counted_to_twenty() -> None:
    known: dict[TraitKind, TraitUse] = {"card": TraitUse(20, by_this_account=False)}
    assert made(paying(card_fingerprint="c"), Background(uses=known))["card_accounts"] == 20


def test_aliases_of_one_mailbox_are_found_by_its_digest() -> None:
    payment = replace(PAYMENT, mailbox_hash="m")
    assert made(payment, Background(uses={"mailbox": TraitUse(4, by_this_account=False)}))["mailbox_accounts"] == 5


@pytest.mark.parametrize(
    ("session", "device", "changed"),
    [("s", "dev_2", True), ("s", "dev_1", False), ("t", "dev_2", False), (None, "dev_2", False)],
)
def test_device_changes_within_a_session(session: str | None, device: str, changed: bool) -> None:
    history = after(past(session_hash="s", device_id="dev_1"), past(session_hash="s"))
    payment = replace(paying(device_id=device), session_hash=session)
    assert made(payment, history)["is_device_changed_in_session"] is changed


def test_registered_device_says_its_type_and_who_shares_its_fingerprint() -> None:
    signals = made(paying(device_id="dev_1"), Background(device=KnownDevice("phone", 3)))
    assert (signals["device_type"], signals["fingerprint_accounts"]) == ("phone", 3)


def test_mailbox_for_minutes_is_known_by_its_domains_digest() -> None:
    assert made(paying(domain_match="digest of a disposable domain"))["is_domain_disposable"] is True
    assert made(paying(domain_match="another"))["is_domain_disposable"] is False


# Bots


@pytest.mark.parametrize(
    ("agent", "kind", "is_bot"),
    [
        ("", "", False),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "browser", False),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/140.0.0.0 Safari/537.36", "script", True),
        ("Mozilla/5.0 (compatible; ExampleBot/2.1; +https://example.com/bot)", "crawler", True),
        ("python-httpx/0.28", "script", False),
        ("curl/8.9.1", "script", False),
        ("Shop/3.2 (iPhone; iOS 19)", "app", False),
    ],
)
def test_callers_are_known_by_what_they_call_themselves(agent: str, kind: str, is_bot: bool) -> None:
    assert kind_of(agent) == kind
    assert made(replace(PAYMENT, user_agent=agent))["is_bot"] is is_bot


def paced(*seconds: float) -> Background:
    return after(*(past(ago=timedelta(seconds=second)) for second in seconds))


@pytest.mark.parametrize(
    ("seconds", "even"),
    [
        ((10, 20, 30, 40), True),
        ((10, 20, 30.5, 40.5), True),
        ((10, 20, 31.5, 41), False),
        ((10, 20, 30), False),
        ((0, 0, 0, 0), False),
        ((900, 1_800, 2_700, 3_600), True),
        ((901, 1_802, 2_703, 3_604), False),
    ],
)
def test_even_pace_is_five_payments_at_one_distance_within_an_hour(seconds: tuple[float, ...], even: bool) -> None:
    assert made(background=paced(*seconds))["is_even_pace"] is even


def test_topping_up_by_itself_may_keep_pace() -> None:
    assert made(replace(PAYMENT, origin="auto_top_up"), paced(10, 20, 30, 40))["is_even_pace"] is False
