"""Fraud's judgement of a payment (shared/contracts/assessments.py)."""

from shared.contracts import assessments
from shared.contracts.assessments import Assessment, AssessmentRequest
from shared.http_client import ServiceClient, SiblingUnavailable


class FraudUnavailable(Exception):
    """No judgement in time. Whoever asked decides what to do without one."""


class Fraud:
    """Fraud, as billing asks it."""

    def __init__(self, client: ServiceClient, *, timeout_seconds: float) -> None:
        self._client = client
        self._timeout_seconds = timeout_seconds

    async def assess(self, facts: AssessmentRequest) -> Assessment:
        """The assessment of a payment; asked again for the same payment, the same one. Raises FraudUnavailable."""
        try:
            response = await self._client.post(
                assessments.PATH, facts, idempotent=True, deadline_seconds=self._timeout_seconds
            )
        except SiblingUnavailable as error:
            raise FraudUnavailable(str(error)) from error
        if response.status_code not in (200, 201):
            raise FraudUnavailable(f"status {response.status_code}")
        return _assessment(response.json())

    async def close(self) -> None:
        await self._client.close()


def _assessment(raw: object) -> Assessment:
    """What fraud answered, checked where a mistake would let a payment through."""
    if not isinstance(raw, dict) or raw.get("decision") not in ("allow", "review", "block"):
        raise FraudUnavailable("an answer that is no assessment")
    return Assessment(
        id=str(raw["id"]),
        decision=raw["decision"],
        score=int(raw["score"]),
        reasons=[{"code": str(reason["code"]), "detail": str(reason["detail"])} for reason in raw["reasons"]],
    )
