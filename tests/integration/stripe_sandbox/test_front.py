"""The front page shows what happened lately, whatever that was."""

from tests.integration.stripe_sandbox.conftest import Running, sdk_warning
from tests.integration.stripe_sandbox.test_refunds import paid

pytestmark = sdk_warning


async def test_front_page_shows_payments_and_sessions_that_only_save_a_card(sandbox: Running) -> None:
    await paid(sandbox, amount=1234)
    setup = {"mode": "setup", "success_url": "http://127.0.0.1:9/"}
    session = await sandbox.stripe.v1.checkout.sessions.create_async(setup)  # type: ignore[arg-type]
    page = await sandbox.http.get(f"{sandbox.url}/")

    assert page.status_code == 200
    assert "12.34 USD" in page.text
    assert session.id in page.text
