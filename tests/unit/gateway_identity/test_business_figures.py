"""The business's figures, against a counted scenario."""

from services.gateway.domain.business import Sample, document
from shared.contracts.figures import PaymentFigures

PAYMENTS: PaymentFigures = {
    "period_days": 30,
    "begun": 3,
    "paid": 2,
    "by_status": {"succeeded": 1, "refunded": 1, "expired": 1},
    "gross_usd_minor": 1_500,
    "refunded_usd_minor": 500,
    "disputed_usd_minor": 0,
    "net_usd_minor": 1_000,
    "paying_accounts": 2,
}
SAMPLES = [
    Sample("tollgate_key_attempts_total", {"result": "issued", "process": "0"}, 2),
    Sample("tollgate_key_attempts_total", {"result": "issued", "process": "1"}, 3),
    Sample("tollgate_calls_refused_for_credit_total", {}, 4),
    Sample("tollgate_http_requests_total", {"status": "200", "method": "GET", "route": "/ping"}, 3),
    Sample("tollgate_http_requests_total", {"status": "503", "method": "GET", "route": "/ping"}, 1),
]


def test_conversion_and_revenue_by_user_are_what_was_counted() -> None:
    told = document(PAYMENTS, None, accounts=4, samples=SAMPLES)
    assert told["purchases"] == {
        "period_days": 30,
        "begun": 3,
        "paid": 2,
        "conversion": "0.6666",
        "by_status": PAYMENTS["by_status"],
    }
    assert told["revenue"] == {
        "period_days": 30,
        "gross": {"amount": 1_500, "currency": "usd"},
        "refunded": {"amount": 500, "currency": "usd"},
        "disputed": {"amount": 0, "currency": "usd"},
        "net": {"amount": 1_000, "currency": "usd"},
        "paying_accounts": 2,
        "per_paying_account": {"amount": 500, "currency": "usd"},
        "per_account": {"amount": 250, "currency": "usd"},
    }


def test_counters_of_all_processes_are_one() -> None:
    told = document(None, None, accounts=0, samples=SAMPLES)
    assert (told["purchases"], told["revenue"], told["keys"]) == (None, None, {"issued": 5})
    assert told["calls"] == {"by_outcome": {}, "refused": {}, "refused_for_credit": 4}
    assert told["requests"] == {"total": 4, "by_status": {"200": 3, "503": 1}, "failed": 1, "error_rate": "0.2500"}


def test_nothing_has_no_ratio() -> None:
    empty: PaymentFigures = {**PAYMENTS, "begun": 0, "paid": 0, "paying_accounts": 0}
    told = document(empty, None, accounts=0, samples=[])
    assert told["purchases"]["conversion"] is None  # type: ignore[index]
    assert told["revenue"]["per_paying_account"] is None  # type: ignore[index]
