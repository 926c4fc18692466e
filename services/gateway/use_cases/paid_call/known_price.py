"""A call whose price is known beforehand: charged durably before it is forwarded, reversed durably where the upstream
fails, or answers 4xx or 5xx, before the answer's head leaves; and where it is cut, before the answer ends."""

from collections.abc import AsyncGenerator, Sequence

from services.gateway.clients.upstream import UpstreamFailed
from services.gateway.domain.forwarding import Header, first
from services.gateway.use_cases.paid_call.bodies import begun, head_of, uncharged
from services.gateway.use_cases.paid_call.conversation import (
    Conversation,
    UpstreamTooSlow,
    upstream_refusal,
)
from services.gateway.use_cases.paid_call.crash_points import reach
from services.gateway.use_cases.paid_call.desk import (
    FIRST_ERROR,
    Call,
    Desk,
    authorise,
    count_outcome,
    credits_headers,
    tell_outcome,
    tell_record,
    undo_now,
)
from services.gateway.use_cases.paid_call.request import AnswerCut, CallerLeft, PaidAnswer
from shared.contracts import ledger as contract
from shared.errors import DomainError


async def call_at_known_price(desk: Desk, call: Call) -> PaidAnswer:
    """Charge, forward, answer. Raises DomainError for every refusal, CallerLeft where nobody waits any more."""
    amount = call.route.price.fixed
    receipt = _Receipt(desk, call)
    charged = await authorise(desk, _charge(call, amount), receipt.reversal, required=amount)
    reach("after_charge")
    conversation = Conversation(desk, call)
    try:
        await _open(call, conversation, receipt)
        reach("after_forward")
        return await _answer(call, conversation, receipt, charged)
    except BaseException:
        receipt.abandon()
        await conversation.close()
        raise


class _Receipt:
    """The durable charge: it ends standing or taken back, once."""

    __slots__ = ("_call", "_desk", "_is_settled", "_reversal")

    def __init__(self, desk: Desk, call: Call) -> None:
        self._desk = desk
        self._call = call
        self._is_settled = False
        self._reversal: contract.Reverse | None = None

    def reversal(self) -> contract.Reverse:
        """The item that takes it back, the same each time. Few calls need one."""
        if self._reversal is None:
            self._reversal = {
                "op": "reverse",
                "id": str(self._desk.new_uuid()),
                "charge_id": self._call.id,
                "account_id": self._call.record.account_id,
                "outcome": "upstream_failed",
            }
        return self._reversal

    def stands(self) -> None:
        """The charge was for something. Said again, it changes nothing."""
        if self._is_settled:
            return
        self._is_settled = True
        tell_outcome(self._desk, self._call, "disconnected" if self._call.request.presence.has_left else "delivered")

    async def take_back(self) -> contract.Result:
        """Reverse durably. Where billing does not answer: later, and `billing_unavailable`."""
        self._is_settled = True
        count_outcome("upstream_failed")
        reach("before_reversal")
        undone = await undo_now(self._desk, self.reversal())
        tell_record(self._desk, self._call, "upstream_failed")
        reach("after_reversal")
        return undone

    def abandon(self) -> None:
        """Reverse later, unless it is settled."""
        if not self._is_settled:
            self._is_settled = True
            count_outcome("upstream_failed")
            self._desk.undo.later(self.reversal())


async def _open(call: Call, conversation: Conversation, receipt: _Receipt) -> None:
    request = call.request
    try:
        await conversation.open(request.body if request.head.caller.has_body else None)
    except UpstreamFailed as error:
        if request.presence.has_left and isinstance(error, UpstreamTooSlow):
            receipt.stands()
            raise CallerLeft from error
        undone = await receipt.take_back()
        raise upstream_refusal(error, undone) from error


async def _answer(call: Call, conversation: Conversation, receipt: _Receipt, charged: contract.Result) -> PaidAnswer:
    answer = conversation.answer
    headers = head_of(answer.status, answer.headers)
    if answer.status >= FIRST_ERROR and not call.route.charge_errors:
        undone = await receipt.take_back()
        headers += credits_headers(0, undone["available"])
        return PaidAnswer(answer.status, headers, await uncharged(conversation))
    headers += credits_headers(charged["charged"], charged["available"])
    if answer.whole is None:
        body = _charged_body(conversation, receipt, call)
        return PaidAnswer(answer.status, headers, await begun(body))
    receipt.stands()
    await conversation.close()
    return PaidAnswer(answer.status, headers, answer.whole)


async def _charged_body(conversation: Conversation, receipt: _Receipt, call: Call) -> AsyncGenerator[bytes]:
    """The answer that was paid for. An end before its end takes the charge back; where its length is known, whoever
    has been handed its last byte has it all, and may break off then."""
    presence, left = call.request.presence, _length(conversation.answer.headers)
    try:
        yield b""
        while (piece := await conversation.next_piece()) is not None and not presence.has_left:
            left -= len(piece)
            if left == 0:
                receipt.stands()
            yield piece
        receipt.stands()
    except UpstreamFailed as error:
        if presence.has_left:
            receipt.stands()
            return
        await _take_back_from_cut(receipt)
        raise AnswerCut from error
    finally:
        receipt.abandon()
        await conversation.close()


def _length(headers: Sequence[Header]) -> int:
    """How long the body is; -1 where only its end tells."""
    length = first(headers, b"content-length")
    return int(length) if length is not None and length.isdigit() else -1


async def _take_back_from_cut(receipt: _Receipt) -> None:
    """Before the answer ends if billing answers, else as soon as it does: the answer is cut either way."""
    try:
        await receipt.take_back()
    except DomainError:
        return


def _charge(call: Call, amount: int) -> contract.Charge:
    return {
        "op": "charge",
        "id": call.id,
        "account_id": call.record.account_id,
        "amount": amount,
        "usage": call.usage("unknown"),
    }
