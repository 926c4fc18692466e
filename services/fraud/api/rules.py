"""`/api/v1/admin/fraud/rules`: operators write rules, try them, and make each other's live (U9, U15)."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.fraud.api.guards import actor_of, fraud_of
from services.fraud.api.rule_views import (
    BacktestView,
    RuleHitView,
    RulePictureView,
    RuleSignalView,
    RuleSnoozeView,
    RuleView,
    backtest_view,
    hit_view,
    picture_view,
    rule_view,
    signals_view,
    snooze_view,
)
from services.fraud.domain.assessment import ID_PREFIX as ASSESSMENT
from services.fraud.domain.rules.rule import ID_PREFIX, SNOOZE_PREFIX, Draft, Rule, SnoozeKind, State
from services.fraud.domain.score import HEAVIEST_BP
from services.fraud.domain.signals import SIGNALS
from services.fraud.store.backtests import KeptBacktest
from services.fraud.store.snoozes import KeptSnooze
from services.fraud.use_cases import backtest, look_at_rules, write_rules
from shared.db import Connection
from shared.doors import InstantField, StrictRoute, Text, Wire, answer, guarded, refuses, takes_idempotency_key
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.idempotency import Claim
from shared.service_auth import operator_required

PATH = "/api/v1/admin/fraud/rules"
SIGNALS_PATH = "/api/v1/admin/fraud/signals"
LONGEST_LOOKED_AT = 100_000
"""What is longer is refused by the language, with its words; this only bounds the body."""

router = APIRouter(route_class=StrictRoute, tags=["operators"])

Expression = Annotated[str, Field(min_length=1, max_length=LONGEST_LOOKED_AT)]
Keep = Callable[[Connection, Rule], Awaitable[Response]]


class VersionBody(Wire):
    """`expression` is in the rules' language over the signals; `detail` is what the customer may read where it fires:
    name no limit in it."""

    expression: Expression
    weight_bp: Annotated[int, Field(ge=1, le=HEAVIEST_BP)]
    detail: Text

    def draft(self) -> Draft:
        return Draft(self.expression.strip(), self.weight_bp, self.detail)


class CreateRuleBody(VersionBody):
    """`code` stands in the reasons of the payments on which the rule fires, and never changes."""

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{2,59}$")]


class CheckBody(Wire):
    expression: Expression


class CheckedView(TypedDict):
    signals: list[str]


class SnoozeBody(Wire):
    """For whom the rule does not fire until `expires_at`: an account's id, a card's fingerprint, a device's id."""

    kind: SnoozeKind
    value: Annotated[str, Field(min_length=1, max_length=100)]
    expires_at: InstantField
    reason: Text | None = None


class BacktestBody(Wire):
    """`version` left out: the newest that is not retired."""

    days: Annotated[int, Field(ge=1, le=backtest.LONGEST_DAYS)] = 30
    version: Annotated[int, Field(ge=1)] | None = None


@refuses("not_found")
async def _known_rule(request: Request) -> None:
    """Guard: the rule of the path exists."""
    await look_at_rules.require_rule(fraud_of(request), request.path_params["rule_id"])


@router.get(SIGNALS_PATH, response_model=Page[RuleSignalView], summary="What rules may speak of")
@guarded(operator_required)
async def list_signals(request: Request) -> Response:
    """Every signal; each has a value in every judgement."""
    return answer({"data": signals_view(list(SIGNALS.values())), "has_more": False, "next": None})


@router.get(PATH, response_model=Page[RuleView], summary="List rules")
@guarded(operator_required)
async def list_rules(request: Request, limit: Limit = 20, after: After = None) -> Response:
    """All of them with their versions, the newest first."""
    found = await look_at_rules.list_rules(fraud_of(request), after=checked_cursor(ID_PREFIX, after), limit=limit + 1)
    return page(found, limit, rule_view)


@router.post(PATH, status_code=201, response_model=RuleView, summary="Write a rule")
@guarded(operator_required)
@refuses("name_taken")
@takes_idempotency_key
async def create_rule(request: Request, body: CreateRuleBody) -> Response:
    """201 with the rule, whose first version is a draft: it judges nothing yet. An expression that is no rule, or that
    fails on signals that may well be, is refused with where and why."""

    async def work(claim: Claim) -> Response:
        finish = _keeping(claim, 201)
        return await write_rules.create_rule(fraud_of(request), body.code, body.draft(), actor_of(request), finish)

    return await idempotently(request, actor_of(request).account_id, work)


@router.post(PATH + "/check", response_model=CheckedView, summary="Check an expression")
@guarded(operator_required)
async def check_expression(request: Request, body: CheckBody) -> Response:
    """200 with the signals that it names; refused as saving it would be. Nothing is kept."""
    return answer({"signals": sorted(write_rules.checked(body.expression.strip()))})


@router.get(PATH + "/{rule_id}", response_model=RulePictureView, summary="Look at a rule")
@guarded(operator_required)
@refuses("not_found")
async def look_at_rule(request: Request, rule_id: str) -> Response:
    """With its steps, what its versions hit within 30 days, and the newest backtest of each."""
    return answer(picture_view(await look_at_rules.look_at_rule(fraud_of(request), rule_id)))


@router.post(PATH + "/{rule_id}/versions", status_code=201, response_model=RuleView, summary="Write a version")
@guarded(operator_required, _known_rule)
@takes_idempotency_key
async def add_version(request: Request, rule_id: str, body: VersionBody) -> Response:
    """201 with the rule, whose newest version is a draft. Those before stay as they are."""

    async def work(claim: Claim) -> Response:
        finish = _keeping(claim, 201)
        return await write_rules.add_version(fraud_of(request), rule_id, body.draft(), actor_of(request), finish)

    return await idempotently(request, actor_of(request).account_id, work)


@router.post(PATH + "/{rule_id}/versions/{version}/shadow", response_model=RuleView, summary="Try a version in shadow")
@guarded(operator_required, _known_rule)
@refuses("not_found", "rule_state_conflict")
@takes_idempotency_key
async def shadow_version(request: Request, rule_id: str, version: int) -> Response:
    """It judges every payment, and what it says is only written down. A live one steps back here too."""

    async def work(claim: Claim) -> Response:
        return await _moved(request, rule_id, version, "shadow", claim)

    return await idempotently(request, actor_of(request).account_id, work)


@router.post(PATH + "/{rule_id}/versions/{version}/promote", response_model=RuleView, summary="Make a version live")
@guarded(operator_required, _known_rule)
@refuses("not_found", "rule_state_conflict", "second_operator_required")
@takes_idempotency_key
async def promote_version(request: Request, rule_id: str, version: int) -> Response:
    """From shadow, by another operator than its author. The version that was live retires."""

    async def work(claim: Claim) -> Response:
        return await _moved(request, rule_id, version, "live", claim)

    return await idempotently(request, actor_of(request).account_id, work)


@router.post(PATH + "/{rule_id}/versions/{version}/retire", response_model=RuleView, summary="Retire a version")
@guarded(operator_required, _known_rule)
@refuses("not_found", "rule_state_conflict")
@takes_idempotency_key
async def retire_version(request: Request, rule_id: str, version: int) -> Response:
    """For ever: what is wanted again is written again."""

    async def work(claim: Claim) -> Response:
        return await _moved(request, rule_id, version, "retired", claim)

    return await idempotently(request, actor_of(request).account_id, work)


@router.get(PATH + "/{rule_id}/hits", response_model=Page[RuleHitView], summary="Which payments a rule fired on")
@guarded(operator_required, _known_rule)
async def list_hits(request: Request, rule_id: str, limit: Limit = 20, after: After = None) -> Response:
    """In shadow too, the newest first."""
    cursor = checked_cursor(ASSESSMENT, after)
    return page(
        await look_at_rules.list_hits(fraud_of(request), rule_id, after=cursor, limit=limit + 1), limit, hit_view
    )


@router.get(PATH + "/{rule_id}/snoozes", response_model=Page[RuleSnoozeView], summary="For whom a rule sleeps")
@guarded(operator_required, _known_rule)
async def list_snoozes(request: Request, rule_id: str, limit: Limit = 20, after: After = None) -> Response:
    """Those that hold, the newest first."""
    cursor = checked_cursor(SNOOZE_PREFIX, after)
    found = await look_at_rules.list_snoozes(fraud_of(request), rule_id, after=cursor, limit=limit + 1)
    return page(found, limit, snooze_view)


@router.post(
    PATH + "/{rule_id}/snoozes", status_code=201, response_model=RuleSnoozeView, summary="Let a rule sleep for somebody"
)
@guarded(operator_required, _known_rule)
@refuses("too_many_snoozes")
@takes_idempotency_key
async def snooze_rule(request: Request, rule_id: str, body: SnoozeBody) -> Response:
    """201 with the snooze, within 1 s in force. An earlier one of the same gives way. At most 365 days."""

    async def work(claim: Claim) -> Response:
        async def finish(connection: Connection, kept: KeptSnooze) -> Response:
            return await claim.keep(connection, 201, snooze_view(kept))

        return await write_rules.snooze_rule(
            fraud_of(request),
            rule_id,
            kind=body.kind,
            value=body.value,
            expires_at=body.expires_at,
            reason=body.reason,
            actor=actor_of(request),
            finish=finish,
        )

    return await idempotently(request, actor_of(request).account_id, work)


@router.delete(PATH + "/{rule_id}/snoozes/{snooze_id}", status_code=204, summary="Wake a rule")
@guarded(operator_required)
@refuses("not_found")
async def end_snooze(request: Request, rule_id: str, snooze_id: str) -> Response:
    await write_rules.end_snooze(fraud_of(request), rule_id, snooze_id, actor_of(request))
    return answer(status=204)


@router.post(
    PATH + "/{rule_id}/backtest", status_code=201, response_model=BacktestView, summary="Try a rule on past payments"
)
@guarded(operator_required, _known_rule)
@refuses("not_found")
@takes_idempotency_key
async def backtest_rule(request: Request, rule_id: str, body: BacktestBody) -> Response:
    """201 with what the version would have done to payments of the last days beside today's live rules: whose decision
    would be another, how much of that is known fraud, what would be held each day, and whom it would harm. At most the
    newest 50,000 payments; they stay as they were judged."""

    async def work(claim: Claim) -> Response:
        async def finish(connection: Connection, kept: KeptBacktest) -> Response:
            return await claim.keep(connection, 201, backtest_view(kept))

        return await backtest.backtest_rule(
            fraud_of(request),
            rule_id,
            number=body.version,
            days=body.days,
            actor=actor_of(request),
            finish=finish,
        )

    return await idempotently(request, actor_of(request).account_id, work)


@router.get(PATH + "/{rule_id}/backtests", response_model=Page[BacktestView], summary="A rule's backtests")
@guarded(operator_required, _known_rule)
async def list_backtests(request: Request, rule_id: str, limit: Limit = 20, after: After = None) -> Response:
    """The newest first."""
    cursor = checked_cursor(backtest.PREFIX, after)
    found = await look_at_rules.list_backtests(fraud_of(request), rule_id, after=cursor, limit=limit + 1)
    return page(found, limit, backtest_view)


def _keeping(claim: Claim, status: int) -> Keep:
    async def finish(connection: Connection, rule: Rule) -> Response:
        return await claim.keep(connection, status, rule_view(rule))

    return finish


async def _moved(request: Request, rule_id: str, version: int, state: State, claim: Claim) -> Response:
    return await write_rules.move_version(
        fraud_of(request), rule_id, version, state, actor=actor_of(request), finish=_keeping(claim, 200)
    )
