"""What a browser sees before there is a portal, and the description of the whole API."""

import re

import httpx
import pytest

from tests.e2e.callers import CREDIT, PASSWORD, Customer, exact, pay
from tests.e2e.running import Running
from tests.e2e.waiting import eventually


@pytest.fixture
def browser(running: Running) -> httpx.Client:
    return httpx.Client(base_url=running.gateway, trust_env=False)


PATHS = ["/", "/docs", "/credits/buy", "/credits/paid?session_id=x", "/subscriptions/paid", "/cards/saved"]


@pytest.mark.parametrize("path", PATHS)
def test_pages_load_nothing_from_elsewhere(browser: httpx.Client, path: str) -> None:
    page = browser.get(path)
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)


def test_credits_are_bought_with_a_form(browser: httpx.Client, customer: Customer) -> None:
    form = {"email": customer.email, "password": PASSWORD, "credits": "5000"}
    to_payment = browser.post("/credits/buy", data=form)
    assert to_payment.status_code == 303
    assert pay(to_payment.headers["location"]).status_code == 303
    eventually(lambda: customer.credits() == 5_000 * CREDIT, seconds=2.0, what="the credits are there")


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"password": "wrong password"}, 401, "password"),
        ({"credits": "4999"}, 422, "5000"),
        ({"credits": "much"}, 422, "whole number"),
        ({"credits": "9" * 5_000}, 422, "whole number"),
        ({"email": '"><script>alert(1)</script>'}, 401, "&lt;script&gt;"),
    ],
)
def test_a_refused_purchase_shows_the_form_with_the_reason(
    browser: httpx.Client, customer: Customer, change: dict[str, str], status: int, said: str
) -> None:
    form = {"email": customer.email, "password": PASSWORD, "credits": "5000", **change}
    page = browser.post("/credits/buy", data=form)
    assert page.status_code == status, page.text
    assert said in page.text
    assert "<script>" not in page.text
    assert "wrong password" not in page.text.replace('type="password"', "")


def test_one_document_describes_the_whole_platform(browser: httpx.Client) -> None:
    document = exact(browser.get("/openapi.json"))
    paths = document["paths"]
    for path in ("/api/v1/auth/register", "/api/v1/credits/checkout", "/proxy/{route}/{path}", "/api/webhooks/stripe"):
        assert path in paths, sorted(paths)
    assert "/api/v1/admin/blacklist" in paths
    assert not [path for path in paths if path.startswith("/internal")]
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', browser.get("/openapi.json").text))
    assert names <= set(document["components"]["schemas"])
