"""What routes ask of a request."""

from fastapi import Request

from services.fraud.service import Fraud
from shared.audit import Actor


def fraud_of(request: Request) -> Fraud:
    fraud = request.app.state.service
    assert isinstance(fraud, Fraud)
    return fraud


def actor_of(request: Request) -> Actor:
    """The account that a guard let in, with the request, for the audit trail."""
    return Actor(request.state.caller.account_id, request.state.request_id)
