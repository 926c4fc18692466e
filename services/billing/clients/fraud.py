"""Fraud, as billing asks it: the judgement of a payment, devices, and the blacklist (shared/contracts/assessments.py,
devices.py, blacklist.py)."""

from typing import cast

from services.billing.domain.score import read_score
from shared.contracts import assessments, blacklist
from shared.contracts.assessments import Assessment, AssessmentRequest
from shared.contracts.blacklist import LiveEntries
from shared.contracts.devices import Claim, DeviceFacts, claims_path
from shared.http_client import ServiceClient, SiblingUnavailable

_OK, _CREATED, _NOT_FOUND = 200, 201, 404


class FraudUnavailable(Exception):
    """No answer in time. Whoever asked decides what to do without one."""


class FraudRefused(FraudUnavailable):
    """It answered, and took the question for none: asked again it will answer the same."""


class Fraud:
    """Fraud's inner door. `timeout_seconds` is for what a customer waits for."""

    def __init__(self, client: ServiceClient, *, timeout_seconds: float) -> None:
        self._client = client
        self._timeout_seconds = timeout_seconds

    @property
    def client(self) -> ServiceClient:
        """Fraud as its feed is read."""
        return self._client

    async def assess(self, facts: AssessmentRequest) -> Assessment:
        """The assessment of a payment; asked again for the same payment, the same one. Raises FraudUnavailable."""
        try:
            response = await self._client.post(
                assessments.PATH, facts, idempotent=True, deadline_seconds=self._timeout_seconds
            )
        except SiblingUnavailable as error:
            raise FraudUnavailable(str(error)) from error
        if response.status_code not in (_OK, _CREATED):
            raise FraudRefused(f"status {response.status_code}")
        return _assessment(response.json())

    async def claim_device(self, device_id: str, account_id: str) -> DeviceFacts | None:
        """The device, the account's from now on; None where there is none that it may have. Raises
        FraudUnavailable."""
        try:
            response = await self._client.post(claims_path(device_id), Claim(account_id=account_id), idempotent=True)
        except SiblingUnavailable as error:
            raise FraudUnavailable(str(error)) from error
        if response.status_code == _NOT_FOUND:
            return None
        if response.status_code != _OK:
            raise FraudUnavailable(f"status {response.status_code}")
        return cast(DeviceFacts, response.json())

    async def blacklist(self, *, after: str | None) -> LiveEntries:
        """A page of the live blacklist. Raises FraudUnavailable."""
        path = blacklist.PATH if after is None else f"{blacklist.PATH}?after={after}"
        try:
            response = await self._client.get(path)
        except SiblingUnavailable as error:
            raise FraudUnavailable(str(error)) from error
        if response.status_code != _OK:
            raise FraudUnavailable(f"status {response.status_code}")
        return cast(LiveEntries, response.json())

    async def close(self) -> None:
        await self._client.close()


def _assessment(raw: object) -> Assessment:
    """What fraud answered, checked where a mistake would let a payment through."""
    if not isinstance(raw, dict) or raw.get("decision") not in ("allow", "review", "block"):
        raise FraudUnavailable("an answer that is no assessment")
    try:
        read_score(raw["score"])
    except ValueError as error:
        raise FraudUnavailable(str(error)) from error
    return Assessment(
        id=str(raw["id"]),
        decision=raw["decision"],
        score=raw["score"],
        reasons=[{"code": str(reason["code"]), "detail": str(reason["detail"])} for reason in raw["reasons"]],
    )
