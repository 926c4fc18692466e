"""`/api/v1/admin/reviews`: operators look at cases and decide them (S15)."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, Field
from starlette.responses import Response

from services.fraud.api.guards import actor_of, fraud_of
from services.fraud.api.review_views import ReviewPictureView, ReviewView, picture_view, review_view
from services.fraud.domain.blocking import Blockable
from services.fraud.domain.case import ID_PREFIX, LONGEST_NOTE, Case, Kind, Status
from services.fraud.use_cases import decide_cases
from services.fraud.use_cases.decide_cases import Block, Keep
from services.fraud.use_cases.look_at_cases import Wanted, list_cases, look_at
from shared.db import Connection
from shared.doors import InstantField, StrictRoute, Text, Wire, answer, guarded, refuses, takes_idempotency_key
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.idempotency import Claim
from shared.ids import decode
from shared.service_auth import operator_required

PATH = "/api/v1/admin/reviews"
NOBODY = "none"

router = APIRouter(route_class=StrictRoute, tags=["operators"])


def _note(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    if any((ord(character) < 0x20 and character not in "\n\r\t") or ord(character) == 0x7F for character in value):
        raise ValueError("must not hold control characters")
    return value.strip()


def _account(value: str) -> str:
    if decode("acct", value) is None:
        raise ValueError("must be an account's id, as acct_01J...")
    return value


def _assignee(value: str) -> str:
    return value if value == NOBODY else _account(value)


Note = Annotated[str, Field(min_length=1, max_length=LONGEST_NOTE), AfterValidator(_note)]
OfAccount = Annotated[str, AfterValidator(_account), Query(description="Only cases of this account.")]
OfAssignee = Annotated[
    str, AfterValidator(_assignee), Query(description="Only cases of this operator; `none`: of nobody.")
]
Overdue = Annotated[bool, Query(description="Only open cases whose deadline has passed.")]


class DecisionBody(Wire):
    """Why, for the case's history. Name no person in it."""

    note: Note | None = None


class BlockBody(Wire):
    """`kinds` left out: all of email, device, card and ip that are known of the payment. `expires_at` left out: the
    setting's days from now. `reason` stands in the blacklist."""

    kinds: Annotated[tuple[Blockable, ...], Field(strict=False, min_length=1, max_length=5)] | None = None
    expires_at: InstantField | None = None
    reason: Text | None = None
    note: Note | None = None


class AssignBody(Wire):
    """Whose case it is from now on; null: nobody's."""

    assignee: Annotated[str, AfterValidator(_account)] | None


class NoteBody(Wire):
    note: Note


@router.get(PATH, response_model=Page[ReviewView], summary="List cases")
@guarded(operator_required)
async def list_reviews(
    request: Request,
    *,
    limit: Limit = 20,
    after: After = None,
    status: Status | None = None,
    kind: Kind | None = None,
    account_id: OfAccount | None = None,
    assignee: OfAssignee | None = None,
    overdue: Overdue = False,
) -> Response:
    """Newest first."""
    wanted = Wanted(
        status=status,
        kind=kind,
        account_id=account_id,
        assignee=None if assignee == NOBODY else assignee,
        only_unassigned=assignee == NOBODY,
        only_overdue=overdue,
    )
    fraud, cursor = fraud_of(request), checked_cursor(ID_PREFIX, after)
    found = await list_cases(fraud, wanted, after=cursor, limit=limit + 1)
    now = fraud.clock.now()
    return page(found, limit, lambda case: review_view(case, now))


@router.get(PATH + "/{case_id}", response_model=ReviewPictureView, summary="Read a case, with the whole picture")
@guarded(operator_required)
@refuses("not_found")
async def read_review(request: Request, case_id: str) -> Response:
    """The assessment and its signals in words, the account's other payments and cases, accounts that share a card, a
    device, an address or a mailbox with it, and all that befell the case."""
    fraud = fraud_of(request)
    return answer(picture_view(await look_at(fraud, case_id), fraud.clock.now()))


@router.post(PATH + "/{case_id}/approve", response_model=ReviewView, summary="Let the payment go on")
@guarded(operator_required)
@refuses("not_found", "already_decided")
@takes_idempotency_key
async def approve_review(request: Request, case_id: str, body: DecisionBody) -> Response:
    """The payment goes on within seconds; of a `watch` nothing changes."""

    async def decide(keep: Keep) -> Case:
        return await decide_cases.approve(fraud_of(request), actor_of(request), case_id, note=body.note, keep=keep)

    return await idempotently(request, actor_of(request).account_id, _work(request, decide))


@router.post(PATH + "/{case_id}/reject", response_model=ReviewView, summary="End the payment")
@guarded(operator_required)
@refuses("not_found", "already_decided")
@takes_idempotency_key
async def reject_review(request: Request, case_id: str, body: DecisionBody) -> Response:
    """The payment becomes `blocked`. One that went on already is not given back: refund it."""

    async def decide(keep: Keep) -> Case:
        return await decide_cases.reject(fraud_of(request), actor_of(request), case_id, note=body.note, keep=keep)

    return await idempotently(request, actor_of(request).account_id, _work(request, decide))


@router.post(PATH + "/{case_id}/block", response_model=ReviewView, summary="End the payment and list whoever made it")
@guarded(operator_required)
@refuses("not_found", "already_decided")
@takes_idempotency_key
async def block_review(request: Request, case_id: str, body: BlockBody) -> Response:
    """Rejects, and adds the payment's email, device, card and address to the blacklist, as far as they are known. Live
    entries stay, unless they would end sooner."""

    async def decide(keep: Keep) -> Case:
        block = Block(body.kinds, body.expires_at, body.reason)
        return await decide_cases.block(fraud_of(request), actor_of(request), case_id, block, note=body.note, keep=keep)

    return await idempotently(request, actor_of(request).account_id, _work(request, decide))


@router.post(PATH + "/{case_id}/assign", response_model=ReviewView, summary="Hand a case to an operator")
@guarded(operator_required)
@refuses("not_found", "already_decided")
@takes_idempotency_key
async def assign_review(request: Request, case_id: str, body: AssignBody) -> Response:
    """Whoever has it: anybody may take it over, and decide it all the same."""

    async def hand_over(keep: Keep) -> Case:
        return await decide_cases.assign(fraud_of(request), actor_of(request), case_id, body.assignee, keep=keep)

    return await idempotently(request, actor_of(request).account_id, _work(request, hand_over))


@router.post(PATH + "/{case_id}/notes", status_code=201, response_model=ReviewView, summary="Write a note")
@guarded(operator_required)
@refuses("not_found")
@takes_idempotency_key
async def note_review(request: Request, case_id: str, body: NoteBody) -> Response:
    """On a decided case too. Notes stand in the case's history, and nowhere else."""

    async def write(keep: Keep) -> Case:
        return await decide_cases.add_note(fraud_of(request), actor_of(request), case_id, body.note, keep=keep)

    return await idempotently(request, actor_of(request).account_id, _work(request, write, status=201))


def _work(
    request: Request, deed: Callable[[Keep], Awaitable[Case]], *, status: int = 200
) -> Callable[[Claim], Awaitable[Response]]:
    """A deed whose answer is the case, kept in its transaction."""
    now = fraud_of(request).clock.now

    async def work(claim: Claim) -> Response:
        async def keep(connection: Connection, case: Case) -> None:
            await claim.keep(connection, status, review_view(case, now()))

        return answer(review_view(await deed(keep), now()), status)

    return work
