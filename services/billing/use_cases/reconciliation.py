"""Reconciliation: the last days compared with Stripe, what is certain repaired, the rest listed.

Events that never came are stored as if they had. A charge, refund or dispute that differs is settled from its present
state, as its event would have; transactions of the balance that are not booked are. What still differs after that
waits for a person. At the end the balances themselves are compared: the drift. Doing it again changes nothing further.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.history import (
    balance_of,
    charges_since,
    disputes_since,
    events_since,
    transactions_since,
)
from services.billing.domain.payment import PREFIX
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.reconciliation import (
    ChargeFacts,
    Difference,
    DisputeFacts,
    Kind,
    Report,
    charge_missing,
    compare_charge,
    compare_dispute,
    compare_transaction,
    drift,
    of_drift,
)
from services.billing.domain.stripe_events import ApplyCharge, ApplyDispute, NotAnEvent, StripeEvent, read_event
from services.billing.service import Billing
from services.billing.store import payments, reconciliations
from services.billing.use_cases.bookkeeping import settle_transaction
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.stripe_news import apply, fetch
from services.billing.use_cases.webhooks import keep_event
from shared import audit
from shared.db import Connection
from shared.errors import DomainError
from shared.ids import decode, new_id
from shared.telemetry import logger_of

logger = logger_of("stripe")

LOOK_EVERY_SECONDS = 60.0
_FOR_A_PERSON: frozenset[Kind] = frozenset({"payment_unknown", "charged_twice"})
"""What settling can't mend."""
REPORT_PREFIX = "rec"
MOST_LISTED = 500
_KEPT = timedelta(days=400)


@dataclass
class _Run:
    """A run under way. So many differences are listed; the rest is counted."""

    id: str
    days: int
    started_at: datetime
    since: datetime
    checked: dict[str, int] = field(default_factory=dict)
    charges: set[str] = field(default_factory=set)
    """Stripe's ids of those that were paid."""
    differences: list[Difference] = field(default_factory=list)

    def count(self, what: str, number: int) -> None:
        self.checked[what] = self.checked.get(what, 0) + number

    def found(self, difference: Difference) -> None:
        if len(self.differences) < MOST_LISTED:
            self.differences.append(difference)
        else:
            self.count("differences_not_listed", 1)
        if not difference.repaired:
            logger.warning("stripe_differs", kind=difference.kind, subject=difference.subject)


async def reconcile_if_due(billing: Billing) -> bool:
    """Reconcile unless that was done within the setting's time, by whatever process. There is never more at once."""
    if billing.stripe.configured:
        try:
            await reconcile(billing, apart_seconds=billing.settings.reconcile_every_seconds)
        except (StripeUnavailable, StripeRefused) as error:
            logger.warning("not_reconciled", error=str(error))
    return False


async def reconcile(
    billing: Billing, *, actor: audit.Actor | None = None, days: int | None = None, apart_seconds: int = 0
) -> Report | None:
    """Compare, repair, keep and answer what was found; None where another run began less than `apart_seconds` ago.
    Raises StripeUnavailable, StripeRefused: the run is then marked failed, and what it repaired stays, and is kept.
    Whom `actor` names asked for it, which the audit trail keeps; the loop's own runs are no one's deed."""
    now = billing.clock.now()
    wanted = days or billing.settings.reconcile_days
    run = _Run(new_id(REPORT_PREFIX, at=billing.clock.real_now()), wanted, now, now - timedelta(days=wanted))
    async with billing.database.transaction() as connection:
        if not await reconciliations.begin(connection, run.id, days=wanted, at=now, apart_seconds=apart_seconds):
            return None
        await reconciliations.forget_old(connection, before=billing.clock.real_now() - _KEPT, limit=1_000)
    try:
        with caused_by(CauseKind.RECONCILIATION, run.id):
            report = await _compare(billing, run)
    except BaseException as error:
        async with billing.database.transaction() as connection:
            await reconciliations.fail(connection, run.id, type(error).__name__, run.differences)
            await _audit(billing, connection, actor, run, {"error": type(error).__name__})
        raise
    async with billing.database.transaction() as connection:
        await reconciliations.finish(connection, report)
        await _audit(billing, connection, actor, run, {"left": len(report.left)})
    logger.info("reconciled", agrees=report.agrees, checked=dict(report.checked), differences=len(report.differences))
    return report


async def _audit(
    billing: Billing, connection: Connection, actor: audit.Actor | None, run: _Run, end: dict[str, object]
) -> None:
    if actor is not None:
        repaired = sum(each.repaired for each in run.differences)
        details = {"days": run.days, "repaired": repaired, **end}
        await audit.write(connection, actor, "reconciliation.run", run.id, details, at=billing.clock.now())


async def list_reports(billing: Billing, *, after: str | None, limit: int) -> list[Report]:
    """Up to `limit` finished runs, newest first. Raises `invalid_cursor`."""
    async with billing.database.transaction() as connection:
        if after is not None and not await reconciliations.exists(connection, after):
            raise DomainError("invalid_cursor", "`after` is no reconciliation here.")
        return await reconciliations.page(connection, after=after, limit=limit)


async def _compare(billing: Billing, run: _Run) -> Report:
    """Charges before transactions, so that a transaction finds whose it is."""
    await _events(billing, run)
    async for page in charges_since(billing.stripe, run.since):
        run.count("charges", len(page))
        run.charges |= {charge.id for charge in page if charge.is_paid}
        for charge in page:
            await _charge(billing, run, charge)
    await _credited(billing, run)
    async for disputes in disputes_since(billing.stripe, run.since):
        run.count("disputes", len(disputes))
        for dispute in disputes:
            await _dispute(billing, run, dispute)
    await _transactions(billing, run)
    drift_minor = await _drift(billing)
    for difference in of_drift(drift_minor):
        run.found(difference)
    return Report(
        id=run.id,
        days=run.days,
        started_at=run.started_at,
        finished_at=billing.clock.now(),
        checked=run.checked,
        differences=tuple(run.differences),
        drift_minor=drift_minor,
    )


async def _events(billing: Billing, run: _Run) -> None:
    async for bodies in events_since(billing.stripe, run.since):
        run.count("events", len(bodies))
        read = [(event, body) for event, body in ((_event(body), body) for body in bodies) if event is not None]
        async with billing.database.transaction() as connection:
            known = await reconciliations.known_events(connection, [event.id for event, _ in read])
        for event, body in read:
            if event.id not in known and await keep_event(billing, event, body):
                run.found(Difference("event_undelivered", event.id, ours="none", theirs=event.type, repaired=True))


def _event(body: bytes) -> StripeEvent | None:
    try:
        return read_event(body)
    except NotAnEvent:
        return None


async def _charge(billing: Billing, run: _Run, charge: ChargeFacts) -> None:
    found = await _difference_of(billing, charge)
    if found is None:
        return
    if found.kind not in _FOR_A_PERSON and await _settled(billing, ApplyCharge(charge.id)):
        found = replace(found, repaired=await _difference_of(billing, charge) is None)
    run.found(found)


async def _credited(billing: Billing, run: _Run) -> None:
    """Ours against the charges that were listed. What succeeded during the run may be newer than their list."""
    async for page in reconciliations.credited_charges(billing.database, since=run.since, until=run.started_at):
        run.count("payments", len(page))
        for charge_id, amount in page:
            if charge_id not in run.charges:
                run.found(charge_missing(charge_id, amount))


async def _difference_of(billing: Billing, charge: ChargeFacts) -> Difference | None:
    payment = None
    if charge.payment_id is not None and decode(PREFIX, charge.payment_id) is not None:
        async with billing.database.transaction() as connection:
            payment = await payments.find(connection, charge.payment_id)
    return compare_charge(charge, payment)


async def _dispute(billing: Billing, run: _Run, dispute: DisputeFacts) -> None:
    """One that is not known even after it was settled is of another product's charge."""
    found = await _difference_of_dispute(billing, dispute)
    if found is None:
        return
    await _settled(billing, ApplyDispute(dispute.id))
    left = await _difference_of_dispute(billing, dispute)
    if left is None or left.ours != "none":
        run.found(replace(found, repaired=left is None))


async def _difference_of_dispute(billing: Billing, dispute: DisputeFacts) -> Difference | None:
    async with billing.database.transaction() as connection:
        return compare_dispute(dispute, await reconciliations.dispute_status(connection, dispute.id))


async def _settled(billing: Billing, command: ApplyCharge | ApplyDispute) -> bool:
    """Whether the object's present state could be applied, as its event would have. One that can't be, for whatever
    reason, is listed, and keeps no other from being looked at."""
    fetched = await fetch(billing, command)
    try:
        async with billing.database.transaction() as connection:
            await apply(billing, connection, fetched)
    except Exception as error:  # noqa: BLE001 - nothing of it was done, and the report says so
        logger.warning("not_repaired", command=repr(command), error=repr(error))
        return False
    return True


async def _transactions(billing: Billing, run: _Run) -> None:
    """Each stands by itself, so the order in which Stripe lists them does not matter."""
    async for page in transactions_since(billing.stripe, run.since):
        run.count("transactions", len(page))
        async with billing.database.transaction() as connection:
            noted = await reconciliations.noted_nets(connection, [each.id for each in page])
            for transaction in page:
                await settle_transaction(billing, connection, transaction)
        for transaction in page:
            found = compare_transaction(transaction, noted.get(transaction.id))
            if found is not None:
                run.found(found)


async def _drift(billing: Billing) -> dict[str, int]:
    """Ours is read last: what is booked meanwhile would look like money that Stripe lacks."""
    theirs = await balance_of(billing.stripe)
    async with billing.database.transaction() as connection:
        return drift(theirs, await reconciliations.balances(connection))
