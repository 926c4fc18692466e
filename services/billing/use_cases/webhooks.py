"""Stripe's events in: verified, stored once, answered. Working on them is `webhook_worker`'s matter."""

from collections.abc import Sequence
from datetime import datetime
from typing import get_args

from services.billing.domain.payment_story import WEBHOOK_REPLAYED
from services.billing.domain.stripe_events import NotAnEvent, StripeEvent, read_event
from services.billing.domain.webhook_signature import is_signed
from services.billing.service import WEBHOOKS_BELL, Billing
from services.billing.store import webhook_events
from services.billing.store.webhook_events import Status, StoredEvent
from shared import audit, bus
from shared.db import Connection, Database
from shared.errors import DomainError, NotFound
from shared.ids import decode, new_id
from shared.telemetry import logger_of

logger = logger_of("stripe")

MAX_BODY_BYTES = 1024 * 1024
EVENT_PREFIX = "evt"
STATUSES: tuple[str, ...] = get_args(Status)
_REPLAYED_AT_ONCE = 500


async def receive_event(billing: Billing, body: bytes, signature: str) -> None:
    """Store a signed event unless it has come before, and ring for the worker. Returns once it is committed.

    Raises NotFound (no secret is set: the route is off), `invalid_signature`, `invalid_payload`; nothing is stored
    then. Signatures are judged by real time.
    """
    secrets = billing.settings.webhook_secrets
    if not secrets:
        raise NotFound("route")
    if not is_signed(body, signature, secrets=secrets, now=billing.clock.real_now()):
        raise DomainError("invalid_signature", "The body was not signed by this endpoint's secret just now.")
    try:
        event = read_event(body)
    except NotAnEvent as error:
        raise DomainError("invalid_payload", f"Signed, but no event: {error}.") from error
    await keep_event(billing, event, body)


async def keep_event(billing: Billing, event: StripeEvent, body: bytes) -> bool:
    """Store an event that is believed, unless it has come before, and ring for the worker; whether it was new."""
    is_new = await _store(billing, event, body)
    if is_new:
        billing.webhook_bell.set()
        await bus.ring(billing.redis, WEBHOOKS_BELL)
    return is_new


async def list_events(
    database: Database, *, status: str | None, about: str | None, after: str | None, limit: int
) -> list[StoredEvent]:
    """Up to `limit` events, newest first; of those that name Stripe's object `about`, where it is given. Raises
    `invalid_cursor`."""
    async with database.transaction() as connection:
        if after is not None and await webhook_events.find(connection, after) is None:
            raise DomainError("invalid_cursor", "`after` is no event here.")
        return await webhook_events.page(connection, status=status, about=about, after=after, limit=limit)


async def require_event(billing: Billing, event_id: str) -> None:
    """Raise NotFound where there is no such event."""
    if decode(EVENT_PREFIX, event_id) is None:
        raise NotFound("event")
    async with billing.database.transaction() as connection:
        if await webhook_events.find(connection, event_id) is None:
            raise NotFound("event")


async def replay_event(billing: Billing, actor: audit.Actor, event_id: str) -> StoredEvent:
    """Work on an event again from the beginning; what it did already is not done twice. Raises NotFound."""
    event = await put_back(billing.database, actor, event_id, at=billing.clock.now())
    billing.webhook_bell.set()
    await bus.ring(billing.redis, WEBHOOKS_BELL)
    return event


async def put_back(database: Database, actor: audit.Actor, event_id: str, *, at: datetime) -> StoredEvent:
    """The same without ringing: a worker finds the event within a second. The id may be Stripe's too."""
    async with database.transaction() as connection:
        event = await webhook_events.replay(connection, event_id)
        if event is None:
            raise NotFound("event")
        await _audit(connection, actor, [event], at=at)
    return event


async def put_back_parked(database: Database, actor: audit.Actor, *, at: datetime) -> list[StoredEvent]:
    """Every parked event, in batches of a transaction each."""
    replayed: list[StoredEvent] = []
    while True:
        async with database.transaction() as connection:
            batch = await webhook_events.replay_parked(connection, limit=_REPLAYED_AT_ONCE)
            await _audit(connection, actor, batch, at=at)
        replayed += batch
        if len(batch) < _REPLAYED_AT_ONCE:
            return replayed


async def _audit(connection: Connection, actor: audit.Actor, events: Sequence[StoredEvent], *, at: datetime) -> None:
    await audit.write_all(connection, actor, WEBHOOK_REPLAYED, [event.id for event in events], at=at)


async def _store(billing: Billing, event: StripeEvent, body: bytes) -> bool:
    async with billing.database.transaction() as connection:
        is_new = await webhook_events.insert_once(
            connection,
            event,
            body,
            row_id=new_id(EVENT_PREFIX, at=billing.clock.real_now()),
            keys=billing.settings.seal_keys,
            ignored_because=_foreign(billing, event),
            at=billing.clock.now(),
        )
    logger.info("webhook_received", stripe_event_id=event.id, type=event.type, is_new=is_new)
    return is_new


def _foreign(billing: Billing, event: StripeEvent) -> str | None:
    """Why an event concerns somebody else, if it does."""
    if event.livemode is not billing.stripe.livemode:
        return "an event of the other mode (test or live)"
    if event.account is not None:
        return "an event of a connected account"
    return None
