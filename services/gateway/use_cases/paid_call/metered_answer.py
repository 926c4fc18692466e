"""A metered answer on its way to the caller: read, understood, paid for, and only then ended.

Events flow as they come, and the format's last words wait for the capture. What is no stream is kept back whole, up to
8 MiB and as far as all calls and its account's together may keep, so that its head can say what it cost; past that it
flows, is read in passing (decoded, where it is compressed), and its last piece waits.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator

from services.gateway.clients.upstream import UpstreamFailed
from services.gateway.domain.forwarding import every, first, is_bodiless, without
from services.gateway.domain.metering.coded_body import CodedBody
from services.gateway.domain.metering.decoding import CannotDecode, Decoder, is_decodable
from services.gateway.domain.metering.documents import tokens_in_document
from services.gateway.domain.metering.event_stream import Event, EventCutter
from services.gateway.domain.metering.passing_usage import PassingUsage
from services.gateway.domain.metering.requests import MeteredRequest
from services.gateway.domain.metering.stream_meter import StreamMeter
from services.gateway.domain.metering.usage import BYTES_PER_TOKEN, Fault, Usage, units_of
from services.gateway.use_cases.paid_call.bodies import begun, head_of
from services.gateway.use_cases.paid_call.conversation import Conversation, upstream_refusal
from services.gateway.use_cases.paid_call.desk import Call, credits_headers
from services.gateway.use_cases.paid_call.kept_back import UNCOUNTED_BYTES, KeptBack, Share
from services.gateway.use_cases.paid_call.request import AnswerCut, CallerLeft, PaidAnswer
from services.gateway.use_cases.paid_call.tab import CannotCapture, Tab
from shared.contracts.ledger import Outcome

MOST_KEPT_BACK = 8 * 1024 * 1024
_MOST_LAST_WORDS = 256 * 1024
_PIECE = 256 * 1024

Tokens = tuple[int | None, Fault | None]
"""What was reported, None where nothing sensible was, and why it is to be flagged, if it is."""

_NOTHING: Tokens = (None, "missing")


class MeteredAnswer:
    """One a call whose upstream's head has come and whose status is charged."""

    def __init__(
        self, call: Call, conversation: Conversation, tab: Tab, kept_back: KeptBack, asked: MeteredRequest
    ) -> None:
        self._call = call
        self._conversation = conversation
        self._tab = tab
        self._all_kept_back = kept_back
        self._presence = call.request.presence
        self._status = conversation.answer.status
        self._headers = conversation.answer.headers
        self._encoding = (first(self._headers, b"content-encoding") or b"identity").strip().lower()
        self._meter = StreamMeter(hides_usage_event=asked.hides_usage_event, choices=asked.choices)
        self._received = 0
        self._coded = CodedBody() if self._reads_tokens and is_decodable(self._encoding) else None

    async def answer(self) -> PaidAnswer:
        """The answer as the caller gets it. Raises DomainError, CallerLeft; UpstreamFailed is turned into either."""
        content_type = (first(self._headers, b"content-type") or b"").strip().lower()
        if not content_type.startswith(b"text/event-stream"):
            return await self._kept_back()
        if self._reads_tokens and (self._encoding == b"identity" or is_decodable(self._encoding)):
            return await self._events_answer()
        with self._share() as nothing:
            return await self._flowing_answer(b"", nothing)

    def _share(self) -> Share:
        return self._all_kept_back.share(self._call.record.account_id)

    @property
    def _reads_tokens(self) -> bool:
        return bool(self._call.route.price.per_1000_tokens) and self._call.route.format != "raw"

    def _usage(self, tokens: Tokens) -> Usage:
        """Only what the price asks for is judged."""
        price, fault = self._call.route.price, None
        units, units_fault = units_of(every(self._headers, b"x-usage-units")) if price.per_unit else (None, None)
        if price.per_1000_tokens:
            fault = tokens[1] or ("missing" if tokens[0] is None else None)
        if price.per_unit:
            fault = fault or units_fault or ("missing" if units is None else None)
        return Usage(tokens=tokens[0] if price.per_1000_tokens else None, units=units, fault=fault)

    def _outcome(self) -> Outcome:
        return "disconnected" if self._presence.has_left else "delivered"

    # Kept back whole

    async def _kept_back(self) -> PaidAnswer:
        pieces: list[bytes] = []
        size = 0
        with self._share() as share:
            try:
                while (piece := await self._conversation.next_piece()) is not None:
                    pieces.append(piece)
                    size += len(piece)
                    if size > MOST_KEPT_BACK or not share.may_be(size):
                        return await self._flowing_answer(_joined(pieces), share)
            except UpstreamFailed as error:
                raise await self._failed_unanswered(error, received=size) from error
            return await self._paid_whole(_joined(pieces), share)

    async def _paid_whole(self, body: bytes, share: Share) -> PaidAnswer:
        """Nothing is awaited between the capture and the answer: who broke off in between would have paid for none."""
        usage = self._usage(await self._tokens_of_whole(body))
        is_long = len(body) > UNCOUNTED_BYTES
        await self._conversation.close()
        try:
            result = await self._tab.capture(usage, None if is_long else self._outcome())
        except CannotCapture as error:
            raise self._tab.refuse_unanswered() from error
        headers = head_of(self._status, self._headers)
        if self._call.request.head.method != "HEAD":
            headers = _with_length(self._status, headers, len(body))
        headers += credits_headers(result["charged"], result["available"])
        return PaidAnswer(self._status, headers, await begun(self._taken(body, share.handed_on())) if is_long else body)

    async def _taken(self, body: bytes, share: Share) -> AsyncGenerator[bytes]:
        """A long answer as fast as its caller takes it: kept until then, and delivered no sooner."""
        with share:
            yield b""
            for piece in _in_pieces(body):
                yield piece
            self._tab.ended(self._outcome())

    async def _tokens_of_whole(self, body: bytes) -> Tokens:
        if self._coded is not None:
            await self._decode(self._coded, body)
            return self._coded.tokens
        return tokens_in_document(body) if self._reads_tokens and self._encoding == b"identity" else _NOTHING

    @staticmethod
    async def _decode(coded: CodedBody, piece: bytes) -> None:
        """However much comes of a piece, other calls go on meanwhile."""
        for _ in coded.feed(piece):
            await asyncio.sleep(0)

    async def _failed_unanswered(self, error: UpstreamFailed, *, received: int) -> Exception:
        """No part of the answer has left: nothing is charged, unless it was the caller who didn't wait."""
        if self._presence.has_left:
            await self._tab.capture_estimate(streamed_tokens=received // BYTES_PER_TOKEN)
            return CallerLeft()
        undone = await self._tab.release()
        return upstream_refusal(error, undone)

    # Flowing, the last piece waiting

    async def _flowing_answer(self, beginning: bytes, share: Share) -> PaidAnswer:
        headers = head_of(self._status, self._headers)
        return PaidAnswer(self._status, headers, await begun(self._flow(beginning, share.handed_on())))

    async def _flow(self, beginning: bytes, share: Share) -> AsyncGenerator[bytes]:
        waiting, passing = b"", PassingUsage()
        self._tab.flows(self._flowed_tokens, units=self._usage(_NOTHING).units)
        try:
            yield b""
            with share:
                await self._see_passing(beginning, passing)
                for early in _in_pieces(beginning):
                    if waiting:
                        yield waiting
                    waiting = early
                beginning = b""
            while (piece := await self._conversation.next_piece()) is not None:
                if waiting:
                    yield waiting
                waiting = piece
                await self._see_passing(piece, passing)
            await self._pay(self._usage(self._passed_tokens(passing)))
            yield waiting
        except UpstreamFailed as error:
            await self._settle_cut(_NOTHING, streamed_tokens=self._flowed_tokens())
            raise AnswerCut from error
        finally:
            self._tab.abandon()
            await self._conversation.close()

    async def _see_passing(self, piece: bytes, passing: PassingUsage) -> None:
        self._received += len(piece)
        if self._coded is not None:
            await self._decode(self._coded, piece)
        elif self._reads_tokens and self._encoding == b"identity":
            passing.feed(piece)

    def _passed_tokens(self, passing: PassingUsage) -> Tokens:
        return passing.tokens if self._coded is None else self._coded.tokens

    def _flowed_tokens(self) -> int:
        """An estimate of what has come so far."""
        decoded = 0 if self._coded is None else self._coded.decoded_bytes
        return max(self._received, decoded) // BYTES_PER_TOKEN

    # Events

    async def _events_answer(self) -> PaidAnswer:
        headers = without(head_of(self._status, self._headers), b"content-length", b"content-encoding")
        return PaidAnswer(self._status, headers, await begun(self._events()))

    async def _events(self) -> AsyncGenerator[bytes]:
        last_words: list[bytes] = []
        size = 0
        self._tab.flows(self._streamed_tokens, units=self._usage(_NOTHING).units)
        try:
            yield b""
            async for event in self._each_event():
                if not self._meter.see(event):
                    continue
                if not self._meter.is_ending:
                    while last_words:
                        yield last_words.pop(0)
                    yield event.raw
                    size = 0
                    continue
                last_words.append(event.raw)
                size += len(event.raw)
                while size > _MOST_LAST_WORDS and len(last_words) > 1:
                    size -= len(last_words[0])
                    yield last_words.pop(0)
            await self._pay(self._usage(self._streamed()))
            for raw in last_words:
                yield raw
        except (UpstreamFailed, CannotDecode) as error:
            await self._settle_cut(self._streamed(), streamed_tokens=self._streamed_tokens())
            raise AnswerCut from error
        finally:
            self._tab.abandon()
            await self._conversation.close()

    async def _each_event(self) -> AsyncGenerator[Event]:
        cutter = EventCutter()
        decoder = Decoder() if self._coded is not None else None
        while (piece := await self._conversation.next_piece()) is not None:
            for part in decoder.feed(piece) if decoder is not None else (piece,):
                for event in cutter.feed(part):
                    yield event
        rest = cutter.rest()
        if rest is not None:
            yield rest

    def _streamed(self) -> Tokens:
        """What a stream is charged for: the usage of the whole of it; where it ended before that but had begun to tell,
        an estimate, no less than was told."""
        tokens, fault = self._meter.tokens
        if tokens is None or self._meter.is_final:
            return tokens, fault
        return self._tab.estimated_input + self._streamed_tokens(), fault or "estimated"

    def _streamed_tokens(self) -> int:
        """So far, beyond the estimated input."""
        told, _ = self._meter.tokens
        return max(self._meter.streamed_tokens, (told or 0) - self._tab.estimated_input)

    # What both streams share

    async def _pay(self, usage: Usage) -> None:
        """The capture before the end; without it the end never comes."""
        try:
            await self._tab.capture(usage, self._outcome())
        except CannotCapture as error:
            self._tab.leave_to_expiry()
            raise AnswerCut from error

    async def _settle_cut(self, tokens: Tokens, *, streamed_tokens: int) -> None:
        """The upstream broke off: what it told of usage is charged, else nothing; who left pays what was streamed."""
        if tokens[0] is not None:
            known = self._usage((tokens[0], tokens[1] or "cut"))
            try:
                await self._tab.capture(known, "disconnected" if self._presence.has_left else "upstream_failed")
            except CannotCapture:
                self._tab.leave_to_expiry()
        elif self._presence.has_left:
            await self._tab.capture_estimate(streamed_tokens=streamed_tokens)
        else:
            self._tab.abandon()


def _joined(pieces: list[bytes]) -> bytes:
    """All of them as one, which alone is kept from here on."""
    whole = b"".join(pieces)
    pieces.clear()
    return whole


def _in_pieces(body: bytes) -> Iterator[bytes]:
    """What is written at once, before its caller is waited for."""
    return (body[at : at + _PIECE] for at in range(0, len(body), _PIECE))


def _with_length(status: int, headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    kept = without(headers, b"content-length")
    return kept if is_bodiless(status) else [*kept, (b"content-length", b"%d" % length)]
