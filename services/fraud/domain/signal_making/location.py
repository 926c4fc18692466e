"""Where a payment came from, against where the account was and where the card is from (U9: location anomaly).

Networks' places are rough: each has a radius within which its addresses lie. Distances are the shortest that both radii
allow, so that two rough places near each other are no journey.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt

from services.fraud.domain.facts import Background, Network, PastPayment, Payment, Place
from services.fraud.domain.signals import Value

EARTH_RADIUS_KM = 6_371
FARTHER_THAN_KM = 100
FASTER_THAN_KMH = 1_000
"""Faster than people travel, airliners' tail wind included."""

SHORTEST_TRIP = timedelta(minutes=1)
"""What lies closer together in time is taken as so far apart: at once has no speed."""


def location_signals(payment: Payment, background: Background) -> dict[str, Value]:
    """The network, its country against the card's and the account's earlier ones, and the journey since the last."""
    network = background.network
    country = network.country if network else ""
    seen = {each.country for each in background.past} - {None}
    return {
        "ip_country": country,
        "ip_kind": network.kind if network else "",
        "is_hosting_network": network is not None and network.kind == "hosting",
        "is_card_country_other": bool(country and payment.card_country) and country != payment.card_country,
        "is_country_new": bool(country and seen) and country not in seen,
        **_journey(network, background.past, payment.occurred_at),
    }


def _journey(network: Network | None, past: Sequence[PastPayment], at: datetime) -> dict[str, Value]:
    last = next((each for each in past if each.place is not None), None)
    if network is None or network.place is None or last is None or last.place is None:
        return {"travel_km": -1, "travel_kmh": -1, "is_travel_impossible": False}
    km = shortest_km(last.place, network.place)
    took = max(abs(at - last.occurred_at), SHORTEST_TRIP)
    kmh = int(km * 3_600 / took.total_seconds())
    return {
        "travel_km": int(km),
        "travel_kmh": kmh,
        "is_travel_impossible": km > FARTHER_THAN_KM and kmh > FASTER_THAN_KMH,
    }


def shortest_km(one: Place, other: Place) -> float:
    """The least distance between two places, given how rough each is."""
    return max(0.0, _great_circle_km(one, other) - one.radius_km - other.radius_km)


def _great_circle_km(one: Place, other: Place) -> float:
    """By the haversine formula."""
    north, south = radians(one.latitude), radians(other.latitude)
    east = radians(other.longitude - one.longitude)
    chord = sin((south - north) / 2) ** 2 + cos(north) * cos(south) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))
