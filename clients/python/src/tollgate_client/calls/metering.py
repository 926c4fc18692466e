"""Paid calls through the gateway, and what they used and cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import httpx

from tollgate_client import views
from tollgate_client.calls.call import Call, encoded, get, path_part, problem_of
from tollgate_client.errors import Problem
from tollgate_client.exchange import Outgoing
from tollgate_client.views import Credits


def paid_call(
    route: str,
    path: str = "",
    *,
    method: str = "GET",
    params: Mapping[str, str] | None = None,
    json: object = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
    streamed: bool = False,
) -> Call[httpx.Response]:
    """A call through the gateway to `route`: the upstream's own answer, whatever its status. `charge_of` tells what it
    cost. `Problem` where the gateway refused it. It is tried again with an `idempotency_key` only."""
    sent = dict(headers or {})
    if json is not None:
        content = encoded(json)
        sent.setdefault("Content-Type", "application/json")
    if idempotency_key is not None:
        sent["Idempotency-Key"] = idempotency_key
    below = f"/proxy/{path_part(route)}/{path.lstrip('/')}"
    repeats = idempotency_key is not None
    outgoing = Outgoing(method.upper(), below, params or {}, sent, content, may_repeat=repeats, streamed=streamed)
    return _PaidCall(outgoing, lambda answer: answer)


class _PaidCall(Call[httpx.Response]):
    def result(self, answer: httpx.Response) -> httpx.Response:
        """A refusal of ours is a problem document of ours; all else is the upstream's, to be passed on."""
        if not answer.is_error or self.outgoing.streamed:
            return answer
        raise_refusal(answer)
        return answer


def raise_refusal(answer: httpx.Response) -> None:
    """Raise `Problem` where the gateway itself refused a paid call; the upstream's own errors are answers."""
    problem = problem_of(answer)
    if isinstance(problem, Problem) and str(problem.document.get("type", "")).startswith("urn:tollgate:"):
        raise problem


@dataclass(frozen=True)
class Charge:
    """What a paid call cost and left. None: the head doesn't say, as a stream's; ask `usage_of_call(request_id)`."""

    credits_charged: Credits | None
    credits_remaining: Credits | None
    request_id: str | None


def charge_of(answer: httpx.Response) -> Charge:
    """What an answer's `X-Credits-Charged` and `X-Credits-Remaining` say."""
    charged, remaining = (answer.headers.get(f"x-credits-{word}") for word in ("charged", "remaining"))
    return Charge(
        Decimal(charged) if charged else None,
        Decimal(remaining) if remaining else None,
        answer.headers.get("x-request-id"),
    )


def usage(
    *, start: str | None = None, to: str | None = None, group_by: Literal["day", "hour", "route", "key"] = "day"
) -> Call[views.Usage]:
    """Calls, tokens and credits of the last 30 days, or from `start` to `to` (dates or RFC 3339 times)."""
    return get("/api/v1/usage", **{"from": start}, to=to, group_by=group_by)


def usage_of_call(request_id: str) -> Call[views.UsageOfCall]:
    """What one paid call used and cost; of a streamed one too, once it is over."""
    return get(f"/api/v1/usage/requests/{path_part(request_id)}")
