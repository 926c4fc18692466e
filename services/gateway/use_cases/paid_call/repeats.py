"""Paid calls that bear an Idempotency-Key: charged once, however often they are sent.

Only they cost a look-up. Several gateways share the rows; PostgreSQL away means 503, never a call that could be charged
twice. What the rows say and in which order is `ticket`'s and `domain/paid_repeat`'s.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

from services.gateway.domain.forwarding import Header, every, first, may_have_body, without
from services.gateway.domain.paid_repeat import Asked
from services.gateway.domain.request_head import RequestHead
from services.gateway.store.paid_repeats import LEASE_SECONDS, PaidRepeats, Place, RepeatsUnavailable
from services.gateway.use_cases.paid_call.bodies import begun
from services.gateway.use_cases.paid_call.desk import Call, Desk
from services.gateway.use_cases.paid_call.request import AnswerCut, PaidAnswer, PaidRequest
from services.gateway.use_cases.paid_call.ticket import Ticket
from services.gateway.use_cases.paid_call.undo import Undo
from shared.errors import DomainError
from shared.idempotency import checked_key, digest
from shared.telemetry import logger

RENEW_SECONDS = LEASE_SECONDS * 0.3

Pay = Callable[[Desk, Call], Awaitable[PaidAnswer]]


def key_of(head: RequestHead) -> str | None:
    """The call's Idempotency-Key, None where it bears none. DomainError `invalid_idempotency_key`."""
    if b"idempotency-key" not in head.known:
        return None
    return checked_key([value.decode("latin-1") for value in every(head.headers, b"idempotency-key")])


class Repeats:
    """One a process; `run` renews the leases of the calls that are under way."""

    def __init__(self, store: PaidRepeats, undo: Undo, *, pepper: bytes) -> None:
        self._store = store
        self._undo = undo
        self._pepper = pepper
        self._tickets: set[Ticket] = set()

    async def call(self, desk: Desk, call: Call, key: str, pay: Pay) -> PaidAnswer:
        """`pay` the call once for its key. Raises what `pay` does, `idempotency_in_progress`, `already_charged`,
        `idempotency_key_reused` and `service_unavailable`."""
        place = Place(call.record.account_id, digest(key.encode(), self._pepper), desk.new_uuid())
        asked = self._asked(call.request)
        ticket = Ticket(desk, call, undo=self._undo, repeats=self._store, place=place, asked=asked)
        self._tickets.add(ticket)
        try:
            answer = await pay(replace(desk, ledger=ticket, undo=ticket, outcomes=ticket), call)
            answer.headers = _with_original(answer.headers, ticket.resumed_request_id)
            return await self._once_answered(ticket, answer, call.request)
        except asyncio.CancelledError:
            self._let_go(ticket)
            ticket.later()
            raise
        except BaseException:
            self._tickets.discard(ticket)
            await ticket.end_unanswered()
            raise

    async def run(self) -> None:
        """Renew, for ever. Where PostgreSQL is away leases lapse: then their calls can't end."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            running = [ticket.place for ticket in self._tickets if ticket.is_running]
            if running:
                try:
                    await self._store.renew(running)
                except RepeatsUnavailable as error:
                    logger.warning("leases_not_renewed", calls=len(running), error=repr(error.__cause__))

    def _asked(self, request: PaidRequest) -> Asked:
        target = b" ".join((request.head.method.encode(), request.head.raw_path, request.head.query))
        body = digest(request.body, self._pepper) if isinstance(request.body, bytes) else None
        return Asked(digest(target, self._pepper), body)

    def _let_go(self, ticket: Ticket) -> None:
        ticket.leave_to_its_lease()
        self._tickets.discard(ticket)

    async def _once_answered(self, ticket: Ticket, answer: PaidAnswer, request: PaidRequest) -> PaidAnswer:
        """The same answer; that it was given is durable before its last byte leaves."""
        left = _length(answer, request)
        if isinstance(answer.body, bytes):
            await ticket.say_answered()
            self._let_go(ticket)
            return answer
        if left == 0:
            await _closing_on_refusal(ticket, answer.body)
        return PaidAnswer(answer.status, answer.headers, await begun(self._pieces(ticket, answer.body, left)))

    async def _pieces(self, ticket: Ticket, body: AsyncGenerator[bytes], left: int | None) -> AsyncGenerator[bytes]:
        """`left` is what a body of known length still lacks: its last byte is the answer's. None: its end is."""
        try:
            yield b""
            async for piece in body:
                if left is not None:
                    left -= len(piece)
                    if left <= 0:
                        await _said(ticket)
                yield piece
            await _said(ticket)
        except AnswerCut:
            await body.aclose()
            await ticket.end_unanswered()
            raise
        except asyncio.CancelledError:
            ticket.later()
            raise
        finally:
            await body.aclose()
            self._let_go(ticket)


def _with_original(headers: list[Header], request_id: str | None) -> list[Header]:
    """`Original-Request`, as Stripe names it: the request that usage knows this call by."""
    if request_id is None:
        return headers
    return [*without(headers, b"original-request"), (b"original-request", request_id.encode())]


async def _said(ticket: Ticket) -> None:
    try:
        await ticket.say_answered()
    except DomainError as refusal:
        raise AnswerCut from refusal


async def _closing_on_refusal(ticket: Ticket, body: AsyncGenerator[bytes]) -> None:
    try:
        await ticket.say_answered()
    except BaseException:
        await body.aclose()
        raise


def _length(answer: PaidAnswer, request: PaidRequest) -> int | None:
    """How long the answer's body is; None where only its end tells."""
    if not may_have_body(request.head.method, answer.status):
        return 0
    length = first(answer.headers, b"content-length")
    return int(length) if length is not None and length.isdigit() else None
