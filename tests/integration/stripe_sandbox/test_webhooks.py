"""Webhooks: signed, again and again until a 2xx, and the controls that disturb them."""

import asyncio
import signal
import sys
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from tests.integration.stripe_sandbox.conftest import (
    SECRET,
    Receiver,
    Running,
    eventually,
    free_port,
    running_sandbox,
    sdk_client,
    sdk_warning,
    served,
)

pytestmark = sdk_warning


async def set_mode(sandbox: Running, mode: str) -> None:
    answer = await sandbox.http.post(f"{sandbox.url}/test/delivery", json={"mode": mode})
    assert answer.status_code == 200
    assert answer.json()["mode"] == mode


async def counts(sandbox: Running) -> dict[str, int]:
    answer = await sandbox.http.get(f"{sandbox.url}/test/delivery")
    found: dict[str, int] = answer.json()["deliveries"]
    return found


async def test_refused_webhook_is_sent_again_with_a_fresh_signature(sandbox: Running) -> None:
    sandbox.received.fail = 2
    await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
    await eventually(lambda: sandbox.received.events)

    assert len(sandbox.received.attempts) == 3
    assert len(set(sandbox.received.attempts)) == 1
    stamps = [signature.split(",")[0] for signature in sandbox.received.signatures]
    assert len(set(stamps)) == 3
    assert sandbox.received.types() == ["customer.created"]


async def test_delivery_takes_no_longer_than_a_moment(sandbox: Running) -> None:
    loop = asyncio.get_running_loop()
    await sandbox.stripe.v1.customers.create_async({"name": "warm"})
    await eventually(lambda: sandbox.received.events)
    began = loop.time()
    await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
    await eventually(lambda: len(sandbox.received.events) == 2)

    assert loop.time() - began < 0.5


async def test_doubled_events_come_twice_under_one_id(sandbox: Running) -> None:
    await set_mode(sandbox, "double")
    await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
    await eventually(lambda: len(sandbox.received.events) == 2)

    assert len(set(sandbox.received.attempts)) == 1


async def test_held_events_come_once_delivery_is_normal_again(sandbox: Running) -> None:
    await set_mode(sandbox, "hold")
    await sandbox.pay(await sandbox.session())
    assert await counts(sandbox) == {"held": 5}
    assert sandbox.received.attempts == []

    await set_mode(sandbox, "normal")
    await eventually(lambda: len(sandbox.received.events) == 5)


async def test_dropped_events_never_come_but_are_listed(sandbox: Running) -> None:
    await set_mode(sandbox, "drop")
    await sandbox.stripe.v1.customers.create_async({"name": "lost"})
    await set_mode(sandbox, "normal")
    await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
    await eventually(lambda: sandbox.received.events)

    assert [event.data.object.name for event in sandbox.received.events] == ["Ada"]
    assert await counts(sandbox) == {"delivered": 1, "dropped": 1}
    undelivered = await sandbox.stripe.v1.events.list_async({"delivery_success": False})
    assert [(event.data.object.name, event.pending_webhooks) for event in undelivered.data] == [("lost", 1)]
    types = {"types": ["customer.created", "customer.deleted"], "created": {"gte": undelivered.data[0].created}}
    assert len((await sandbox.stripe.v1.events.list_async(types)).data) == 2  # type: ignore[arg-type]


async def test_shuffled_events_all_come(sandbox: Running) -> None:
    await set_mode(sandbox, "shuffle")
    await sandbox.pay(await sandbox.session())
    await eventually(lambda: len(sandbox.received.events) == 5)

    assert len(set(sandbox.received.attempts)) == 5


async def test_senseless_delivery_is_refused(sandbox: Running) -> None:
    senseless: list[dict[str, object]] = [{"mode": "bogus"}, {}, {"mode": "drop", "x": 1}, {"mode": None}]
    senseless += [{"mode": "normal", "api_version": version} for version in ("2099-01-01", "basil", 5, "")]
    for body in senseless:
        assert (await sandbox.http.post(f"{sandbox.url}/test/delivery", json=body)).status_code == 400, body


async def test_older_api_version_shapes_what_is_delivered_from_now_on(tmp_path: Path) -> None:
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.receive, methods=["POST"])])
    async with served(app, free_port()) as url:
        receiver.url = f"{url}/hook"
        async with running_sandbox(tmp_path / "stripe.sqlite3", receiver) as sandbox:
            await hear_old_shapes(sandbox)


async def hear_old_shapes(sandbox: Running) -> None:
    """The receiver stands outside of the contract's check: that knows the present shapes alone."""
    old = {"mode": "normal", "api_version": "2020-03-02"}
    assert (await sandbox.http.post(f"{sandbox.url}/test/delivery", json=old)).json()["api_version"] == "2020-03-02"
    await sandbox.pay(await sandbox.session())
    [paid] = await eventually(lambda: sandbox.received.of("payment_intent.succeeded"))
    intent = paid.data.object
    await sandbox.stripe.v1.refunds.create_async({"payment_intent": intent.id, "amount": 100})
    [told] = await eventually(lambda: sandbox.received.of("charge.refunded"))

    assert (paid.api_version, [each.id for each in intent.charges.data]) == ("2020-03-02", [intent.latest_charge])
    assert [each.amount for each in told.data.object.refunds.data] == [100]
    await sandbox.http.post(f"{sandbox.url}/test/delivery", json={"mode": "normal", "api_version": None})
    await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
    [made] = await eventually(lambda: sandbox.received.of("customer.created"))
    assert made.api_version != "2020-03-02"


async def test_pending_webhooks_and_objects_survive_a_restart(tmp_path: Path, received: Receiver) -> None:
    data_file = tmp_path / "stripe.sqlite3"
    async with running_sandbox(data_file, received) as before:
        await set_mode(before, "hold")
        session = await before.session()
        await before.pay(session)
    async with running_sandbox(data_file, received) as after:
        paid = await after.stripe.v1.checkout.sessions.retrieve_async(session.id)
        assert paid.payment_status == "paid"
        await set_mode(after, "normal")
        await eventually(lambda: received.of("checkout.session.completed"))


async def test_committed_payment_and_its_retries_survive_kill_9(tmp_path: Path, received: Receiver) -> None:
    received.fail = 100
    port, data_file = free_port(), tmp_path / "stripe.sqlite3"
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(timeout=10) as http:
        first = await started(url, port, data_file, received)
        running = Running(url, sdk_client(url), http, received, data_file)
        try:
            session = await running.session()
            assert (await running.pay(session)).status_code == 303
            await eventually(lambda: len(received.attempts) >= 5)
        finally:
            first.send_signal(signal.SIGKILL)
            await first.wait()
        received.fail = 0
        second = await started(url, port, data_file, received)
        try:
            await eventually(lambda: received.of("checkout.session.completed"))
            paid = await running.stripe.v1.checkout.sessions.retrieve_async(session.id)
            assert (paid.status, paid.payment_status) == ("complete", "paid")
        finally:
            second.terminate()
            assert await second.wait() in (0, -signal.SIGTERM)


async def started(url: str, port: int, data_file: Path, received: Receiver) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.stripe_sandbox", "--host", "127.0.0.1", "--port", str(port)),
        *("--data", str(data_file), "--webhook-url", received.url, "--webhook-secret", SECRET),
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with httpx.AsyncClient() as http:
        for _ in range(500):
            try:
                if (await http.get(f"{url}/ping")).status_code == 200:
                    return process
            except httpx.TransportError:
                await asyncio.sleep(0.02)
    process.kill()
    raise AssertionError("the sandbox did not start")
