"""Whatever is sent, the answer is Stripe's refusal and never a 500."""

import random
from urllib.parse import quote

import pytest

from deploy.stripe_sandbox.api.dispatch import OPERATIONS
from tests.integration.stripe_sandbox.conftest import KEY, Running, sdk_warning

pytestmark = sdk_warning

VALUES = ["", "0", "-1", "9" * 40, "1e400", "NaN", "null", "\x00", "ü\ud800", "true", "x" * 6000, "usd", "../..", "'--"]


def senseless_form(chance: random.Random, names: list[str]) -> list[tuple[str, str]]:
    fields = []
    for _ in range(chance.randint(0, 6)):
        name = chance.choice([*names, "metadata", "bogus"])
        name += "".join(chance.choice(["", "[]", "[0]", "[a]", "[0][price_data][currency]", "[" + "x" * 99 + "]"]))
        fields.append((name, chance.choice(VALUES)))
    return fields


def form_text(fields: list[tuple[str, str]]) -> bytes:
    return "&".join(f"{name}={value}" for name, value in fields).encode("utf-8", errors="surrogatepass")


@pytest.mark.parametrize("seed", range(4))
async def test_senseless_parameters_are_never_a_500(sandbox: Running, seed: int) -> None:
    chance = random.Random(seed)
    session = await sandbox.session()
    await sandbox.pay(session)
    customer = await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
    ids = [session.id, customer.id, "pm_card_visa", "none", "%00", "a" * 300]
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-www-form-urlencoded"}
    for operation in OPERATIONS:
        for _ in range(3):
            body = form_text(senseless_form(chance, list(operation.takes.fields)))
            url = sandbox.url + operation.path.replace("{id}", chance.choice(ids))
            if operation.method == "POST":
                answer = await sandbox.http.post(url, content=body, headers=headers)
            else:
                answer = await sandbox.http.request(
                    operation.method, f"{url}?{quote(body, safe='=&')}", headers=headers
                )
            assert answer.status_code < 500, (operation.method, url, body)
            assert answer.status_code < 400 or "message" in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"number=" + b"4" * 70_000, b"&".join(b"a%d=1" % n for n in range(200)), b"number=%00&exp=%ff"],
)
async def test_senseless_payment_forms_are_refused(sandbox: Running, body: bytes) -> None:
    session = await sandbox.session()
    answer = await sandbox.http.post(
        session.url, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code in (402, 413)
    assert (await sandbox.stripe.v1.charges.list_async()).data == []


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"NaN", b"[" * 50_000, b"\xff", b"x" * 70_000])
async def test_senseless_controls_are_refused(sandbox: Running, body: bytes) -> None:
    for path in ("/test/delivery", "/test/faults", "/test/customers/cus_1/card", "/test/sessions/cs_1/async"):
        answer = await sandbox.http.post(sandbox.url + path, content=body)
        assert answer.status_code in (400, 413)
