"""What the contract finds in requests, and lets pass."""

import pytest

from tests.support.stripe_contract import the_contract

SESSION = (
    "mode=payment&success_url=http%3A%2F%2F127.0.0.1%2Fdone&expires_at=1790000000"
    "&line_items[0][quantity]=1&line_items[0][price_data][currency]=usd"
    "&line_items[0][price_data][unit_amount]=500&line_items[0][price_data][product_data][name]=Credits"
    "&metadata[payment_id]=pay_1&expand[]=payment_intent"
)


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("POST", "/v1/checkout/sessions", SESSION),
        ("POST", "/v1/refunds", "charge=ch_1&amount=100&reason=requested_by_customer"),
        ("POST", "/v1/customers/cus_1", "metadata=&description=&tax[validate_location]=immediately"),
        ("GET", "/v1/events", "limit=3&created[gte]=1790000000&types[0]=charge.refunded"),
        ("GET", "/v1/events", "created=1790000000"),
        ("GET", "/v1/balance", ""),
        ("DELETE", "/v1/customers/cus_1", ""),
        ("GET", "/v1/customers/search", "query=email%3A%27a%27"),
        ("POST", "/v1/payment_intents", "amount=5&currency=usd&off_session=true&confirm=true"),
        ("POST", "/v1/payment_intents", "amount=5&currency=usd&off_session=recurring"),
    ],
)
def test_a_right_request_passes(method: str, path: str, fields: str) -> None:
    assert the_contract().request(method, path, fields) == []


@pytest.mark.parametrize(
    ("method", "path", "fields", "complaint"),
    [
        ("POST", "/v1/refunds", "charge=ch_1&amonut=100", "amonut: unknown"),
        ("POST", "/v1/refunds", "charge=ch_1&amount=1.5", "amount: '1.5' is no integer"),
        ("POST", "/v1/refunds", "reason=bored", "reason: 'bored' is none of"),
        ("POST", "/v1/refunds", "expand=charge", "expand: 'charge' is no array"),
        ("POST", "/v1/refunds", "metadata[a][b]=c", "metadata.a: {'b': 'c'} is no string"),
        ("POST", "/v1/payment_intents", "currency=usd", "amount: missing"),
        ("POST", "/v1/payment_intents", "amount=5&currency=usd&confirm=yes", "confirm: 'yes' is no boolean"),
        ("POST", "/v1/checkout/sessions", "line_items[0][price_data][unit_amount]=5", "currency: missing"),
        ("POST", "/v1/checkout/sessions", "payment_method_types[0]=card", "payment_method_types: unknown"),
        ("GET", "/v1/refunds", "limit=all", "limit: 'all' is no integer"),
        ("GET", "/v1/customers/search", "", "query: missing"),
        ("GET", "/v1/orders", "", "no operation of Stripe's"),
        ("PUT", "/v1/refunds", "", "no operation of Stripe's"),
    ],
)
def test_a_wrong_request_is_found(method: str, path: str, fields: str, complaint: str) -> None:
    found = the_contract().request(method, path, fields)
    assert len(found) == 1
    assert found[0].startswith(f"{method} {path}: ")
    assert complaint in found[0]
