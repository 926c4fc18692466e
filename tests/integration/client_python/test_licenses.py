"""A license's life on a customer's server, through the real gateway and licensing: online, offline, revoked."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.client_python.conftest import AUDIENCE, Platform
from tollgate_client import (
    AsyncLicenseClient,
    AsyncTollgateClient,
    HighWaterFile,
    Licensee,
    Offline,
    Problem,
    Retries,
    read_public_keys,
    verify,
)

FINGERPRINT = "9f86d081884c7d65"


async def licensee(platform: Platform, folder: Path, server_id: str = "web-1") -> Licensee:
    """With the platform's keys as they would be shipped."""
    async with AsyncTollgateClient(platform.url) as client:
        keys = read_public_keys(json.dumps(await client.license_public_keys()))
    store = HighWaterFile(folder / "mark", seal_key=b"0123456789abcdef")
    return Licensee(
        license_key=platform.license["key"],
        server_id=server_id,
        public_keys=keys,
        fingerprint=FINGERPRINT,
        offline=Offline(license_file=folder / "license.txt", audience=AUDIENCE, store=store),
        retries=Retries(attempts=1),
    )


async def test_a_license_is_used_online_and_without_network_until_it_is_revoked(
    platform: Platform, tmp_path: Path
) -> None:
    who = await licensee(platform, tmp_path)
    nowhere = AsyncLicenseClient("http://127.0.0.1:1", who)
    async with AsyncLicenseClient(platform.url, who) as client:
        assert (await client.validate()).code == "NOT_ACTIVATED"
        activation = await client.activate({"region": "eu"})
        assert (activation["server_id"], activation["metadata"]) == ("web-1", {"region": "eu"})
        online = await client.validate(["export"])
        assert (online.code, online.source) == ("VALID", "server")
        assert (await client.validate(["import"])).code == "ENTITLEMENTS_MISSING"

        assert (await nowhere.validate()).code == "UNREACHABLE"
        renewed = await client.renew_file(platform.license["id"], ttl_seconds=3600, encrypted=True)
        assert (renewed.code, renewed.source) == ("VALID", "file")
        offline = await nowhere.validate(["export"])
        assert (offline.code, offline.source) == ("VALID", "file")

        await platform.revoke()
        async with asyncio.timeout(5):
            while (await client.validate()).code != "REVOKED":
                await asyncio.sleep(0.05)
        assert (await nowhere.validate()).code == "REVOKED"
        with pytest.raises(Problem) as raised:
            await client.renew_file(platform.license["id"])
    assert raised.value.code == "license_invalid"
    await nowhere.close()


async def test_a_seat_is_given_to_one_server_at_a_time(platform: Platform, tmp_path: Path) -> None:
    first = AsyncLicenseClient(platform.url, await licensee(platform, tmp_path))
    second = AsyncLicenseClient(platform.url, await licensee(platform, tmp_path, "web-2"))
    async with first, second:
        await first.activate()
        assert (await first.heartbeat())["active"]
        with pytest.raises(Problem) as raised:
            await second.activate()
        assert raised.value.code == "too_many_activations"
        assert not (await first.deactivate())["active"]
        assert (await second.activate())["active"]
        assert (await first.transfer_from("web-2"))["server_id"] == "web-1"


async def test_an_owner_gets_a_file_that_verifies(platform: Platform, tmp_path: Path) -> None:
    who = await licensee(platform, tmp_path)
    async with AsyncLicenseClient(platform.url, who) as server:
        await server.activate()
    async with AsyncTollgateClient(platform.url, session=platform.customer.token) as owner:
        listed = [license["id"] async for license in owner.licenses()]
        assert listed == [platform.license["id"]]
        assert (await owner.license(listed[0]))["key"] == platform.license["key"]
        made = await owner.license_file(listed[0], server_id="web-1")
        assert [each["server_id"] async for each in owner.license_activations(listed[0])] == ["web-1"]
        assert (await owner.explain_license(listed[0], server_id="web-1"))["code"] == "VALID"
    terms = {"audience": AUDIENCE, "server_id": "web-1", "fingerprint": FINGERPRINT}
    assert verify(made["file"], public_keys=who.public_keys, now=datetime.now(UTC), **terms).code == "VALID"
