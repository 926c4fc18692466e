"""Whatever is sent, the answer is a yes or a no."""

import json
import re
from datetime import UTC, datetime

from hypothesis import event, given
from hypothesis import strategies as st

from services.billing.domain.checkout_addresses import AddressRules, checked_address
from services.billing.domain.payment import Status, may_become
from services.billing.domain.stripe_events import NotAnEvent, command_of, read_event
from services.billing.domain.webhook_signature import is_signed, sign
from shared.errors import Invalid

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RULES = AddressRules("https://own.example", ("shop.example",), loopback_allowed=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["id", "object", "type", "livemode", "account", "data", "api_version"])


@given(st.binary(max_size=200), st.text(max_size=120))
def test_no_header_that_was_not_signed_is_believed(body: bytes, header: str) -> None:
    assert is_signed(body, header, secrets=("whsec_drawn_by_nobody",), now=NOW) is False


@given(st.binary(max_size=200), st.text(min_size=1, max_size=40))
def test_own_signature_is_always_believed(body: bytes, secret: str) -> None:
    assert is_signed(body, sign(body, secret=secret, at=NOW), secrets=("whsec_x", secret), now=NOW)


@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_an_event_or_is_refused(body: bytes) -> None:
    _read(body)


@given(st.dictionaries(FIELDS, JSON, max_size=7))
def test_any_change_of_an_event_is_an_event_or_is_refused(changes: dict[str, object]) -> None:
    whole = {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "livemode": False,
        "data": {"object": {"id": "pi_1"}},
    }
    _read(json.dumps(whole | changes).encode())


def _read(body: bytes) -> None:
    try:
        command_of(read_event(body))
    except NotAnEvent:
        return


SCHEMES = st.sampled_from(["https://", "https://", "https:", "http://", "//"])
HOSTS = st.sampled_from(["own.example", "shop.example", "evil.example", "user@own.example", "127.0.0.1"])
GLUE = st.sampled_from(["", "", ":443", ":", ":444"]) | st.text("./\\@:?#%{}[] \t\r\n;&=ae443", max_size=8)
ADDRESSES = st.tuples(SCHEMES, HOSTS, GLUE, st.sampled_from(["", "/", "evil.example", "@evil.example"])).map("".join)


@given(ADDRESSES | st.text(max_size=60))
def test_allowed_address_leads_to_an_allowed_host(address: str) -> None:
    try:
        checked_address(address, "/success_url", RULES)
    except Invalid:
        return
    event("allowed")
    assert re.fullmatch(
        r"(https://(own|shop)\.example(:0*443|:)?|http://shop\.example(:0*80|:)?)([/?#].*)?", address.lower()
    )


@given(st.lists(st.sampled_from(list(Status)), max_size=30))
def test_however_states_are_asked_for_a_payment_is_paid_at_most_once(asked: list[Status]) -> None:
    status, paid = Status.PENDING, 0
    for then in asked:
        if may_become(status, then):
            status = then
            paid += then is Status.SUCCEEDED
    assert paid <= 1
