"""The sandbox's controls over money: what banks do to refunds, disputes and payouts without being asked.

`POST /test/charges/{id}/dispute {"amount"?, "reason"?, "inquiry"?}`, `/test/disputes/{id}/close {"status"}`,
`/test/disputes/{id}/escalate`, `/test/refunds/{id}/fail {"reason"?}`, `/test/payouts {"currency"?}` (all that is
available). Each answers the object as it then stands.
"""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.stripe_sandbox.api.control_bodies import flag, only, read_json, refused, whole, word
from deploy.stripe_sandbox.domain import disputes as dispute_rules
from deploy.stripe_sandbox.domain import refunds as refund_rules
from deploy.stripe_sandbox.domain.charges import left_minor
from deploy.stripe_sandbox.domain.currencies import MOST_MINOR, checked_currency
from deploy.stripe_sandbox.domain.disputes import Complaint
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases import balance, disputes, refunds
from deploy.stripe_sandbox.use_cases.turn import Turn

# The path's id (empty where it has none) and the body in, the object as it then stands out.
Control = Callable[[Turn, str, dict[str, Any]], Json]
_ENDS = (dispute_rules.WON, dispute_rules.LOST, dispute_rules.WARNING_CLOSED)


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    controls: dict[str, Control] = {
        "/test/charges/{id}/dispute": _dispute,
        "/test/disputes/{id}/close": _close,
        "/test/disputes/{id}/escalate": _escalate,
        "/test/refunds/{id}/fail": _fail,
        "/test/payouts": _pay_out,
    }
    return [control_route(sandbox, path, control) for path, control in controls.items()]


def control_route(sandbox: Sandbox, path: str, control: Control) -> Route:
    """A POST at the path that does what the control says in a transaction, and answers the object."""

    async def answer(request: Request) -> Response:
        try:
            body = await read_json(request)
            with sandbox.store.transaction():
                found = control(sandbox.turn(), request.path_params.get("id", ""), body)
        except StripeError as refusal:
            return refused(refusal)
        sandbox.bell.set()
        return JSONResponse(found)

    return Route(path, answer, methods=["POST"])


def _dispute(turn: Turn, charge_id: str, body: dict[str, Any]) -> Json:
    only(body, "amount", "reason", "inquiry")
    charge = turn.find("charge", charge_id)
    complaint = Complaint(
        amount_minor=whole(body, "amount", least=1, most=MOST_MINOR, default=left_minor(charge)),
        reason=word(body, "reason", tuple(dispute_rules.REASONS), default="fraudulent"),
        inquiry=flag(body, "inquiry"),
    )
    return disputes.open_dispute(turn, charge, complaint)


def _close(turn: Turn, dispute_id: str, body: dict[str, Any]) -> Json:
    only(body, "status")
    status = word(body, "status", _ENDS)
    return disputes.close(turn, turn.find("dispute", dispute_id), status=status)


def _escalate(turn: Turn, dispute_id: str, body: dict[str, Any]) -> Json:
    only(body)
    return disputes.escalate(turn, turn.find("dispute", dispute_id))


def _fail(turn: Turn, refund_id: str, body: dict[str, Any]) -> Json:
    only(body, "reason")
    reason = word(body, "reason", refund_rules.FAILURES, default="unknown")
    return refunds.fail(turn, turn.find("refund", refund_id), reason=reason)


def _pay_out(turn: Turn, _: str, body: dict[str, Any]) -> Json:
    only(body, "currency")
    currency = checked_currency(str(body.get("currency", "usd")), param="currency")
    return balance.pay_out_all(turn, currency=currency)
