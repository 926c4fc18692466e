"""Requests are counted as Prometheus's own client would count them."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from shared.traffic import Tally, Traffic

MILLISECOND = 1_000_000


def test_a_request_is_in_the_bucket_of_its_time_and_in_all_longer_ones() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    traffic = Traffic(ours)
    bounds = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
    model = Histogram("tollgate_http_request_seconds", "x", ["method", "route"], registry=theirs, buckets=bounds)
    for milliseconds in (0, 1, 2, 7, 10, 11, 9_999, 10_000, 60_000):
        traffic.of("GET", "/ping").count(200, milliseconds * MILLISECOND)
        model.labels("GET", "/ping").observe(milliseconds / 1_000)
    said, meant = _samples(ours), _samples(theirs)
    assert {line for line in said if "_seconds_" in line} == {line for line in meant if "_created" not in line}


def test_each_status_is_counted_apart() -> None:
    registry = CollectorRegistry()
    traffic = Traffic(registry)
    for status in (200, 402, 200):
        traffic.of("POST", "/x").count(status, MILLISECOND)
    labels = {"method": "POST", "route": "/x"}
    assert registry.get_sample_value("tollgate_http_requests_total", {**labels, "status": "200"}) == 2
    assert registry.get_sample_value("tollgate_http_requests_total", {**labels, "status": "402"}) == 1


def test_a_tally_begins_with_every_value_at_nought() -> None:
    registry = CollectorRegistry()
    tally = Tally("calls", "Calls.", "outcome", ("good", "bad"), registry=registry)
    tally.add("good")
    assert registry.get_sample_value("calls_total", {"outcome": "good"}) == 1
    assert registry.get_sample_value("calls_total", {"outcome": "bad"}) == 0


def _samples(registry: CollectorRegistry) -> set[str]:
    return {line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")}
