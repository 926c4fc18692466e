"""The sandbox's controls over subscriptions: `POST /test/dunning {"retry_days"?, "then"?}` says when a failed payment
is tried again (days after its invoice was final) and what comes after the last time. Answers what is set."""

import json
from typing import Any

from starlette.routing import BaseRoute

from deploy.stripe_sandbox.api.control_bodies import only, word
from deploy.stripe_sandbox.api.money_controls import control_route
from deploy.stripe_sandbox.domain.dunning import OUTCOMES
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases.standing import DUNNING_NOTE, dunning_of
from deploy.stripe_sandbox.use_cases.turn import Turn

_MOST_RETRIES = 8
_MOST_DAYS = 60


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    return [control_route(sandbox, "/test/dunning", _set_dunning)]


def _set_dunning(turn: Turn, _: str, body: dict[str, Any]) -> Json:
    only(body, "retry_days", "then")
    present = dunning_of(turn)
    days = _days(body["retry_days"]) if "retry_days" in body else list(present.retry_days)
    told: Json = {"retry_days": days, "then": word(body, "then", OUTCOMES, default=present.then)}
    turn.store.set_note(DUNNING_NOTE, json.dumps(told))
    return told


def _days(given: object) -> list[int]:
    """Whole days, each later than the one before."""
    if isinstance(given, list) and len(given) <= _MOST_RETRIES:
        days = [day for day in given if isinstance(day, int) and not isinstance(day, bool) and 1 <= day <= _MOST_DAYS]
        if days == given and days == sorted(set(days)):
            return days
    raise StripeError(
        f"retry_days must be at most {_MOST_RETRIES} whole numbers from 1 to {_MOST_DAYS}, each above the one before.",
        param="retry_days",
    )
