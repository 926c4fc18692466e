"""A device from its registration to a payment (U12), through the running stack."""

from typing import Any

from tests.e2e.callers import PASSWORD, Operator, bearer, connect, exact, source_address

PHONE = {"type": "phone", "fingerprint": "b2f5ff47436671b6", "capabilities": ["nfc", "camera"]}


def test_device_is_registered_brought_along_and_paid_with(operator: Operator, stack: dict[str, Any]) -> None:
    def used() -> int:
        told = operator.http.get("/api/v1/admin/devices/statistics", headers=bearer(operator.token))
        return int(exact(told)["by_type"]["phone"]["payments"])

    before = used()
    with connect(stack["gateway"], address=source_address()) as http:
        made = http.post("/api/v1/devices", json=PHONE)
        assert made.status_code == 201, made.text
        device_id = made.json()["id"]
        body: dict[str, Any] = {"email": f"{device_id}@example.com", "password": PASSWORD, "device_id": device_id}
        account = http.post("/api/v1/auth/register", json=body)
        assert account.status_code == 201, account.text
        signed_in = bearer(account.json()["token"])
        order = {"credits": 5_000, "device_id": device_id}
        assert http.post("/api/v1/credits/checkout", json=order, headers=signed_in).status_code == 201
        (own,) = http.get("/api/v1/devices", headers=signed_in).json()["data"]
        assert (own["id"], own["payments"]) == (device_id, 1)
        assert [http.post("/api/v1/devices", json=PHONE).status_code for _ in range(5)] == [201] * 4 + [429]
    assert used() == before + 1
