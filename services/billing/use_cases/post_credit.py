"""Credits that arrive or go back, posted inside a transaction that the caller owns.

Each verb takes a SQLAlchemy connection in a transaction, locks the wallet until it ends (opening it if the account has
none), and commits nothing itself. To keep one order of locks, lock a payment's row before its wallet.

    wallet = await lock_wallet(connection, account_id, at=clock.now())
    posted = await post_purchase(connection, account_id=..., transfer_id=new_uuid(at=clock.real_now()),
                                 millicredits=..., reference="pay_...", description=..., at=clock.now(),
                                 real_now=clock.real_now())

A transfer's id keeps real time. A payment gives its credits once whatever ids are used: a second purchase of one
`reference` returns the first transfer's id and moves nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.posting import Order, check_same, post
from services.billing.domain.ledger.transfer import Transfer
from services.billing.domain.ledger.wallet import Wallet
from services.billing.store import credit_grants, transfers, wallets
from services.billing.store.credit_grants import CreditGrant
from services.billing.store.ledger_connection import Ledger, ledger_of
from services.billing.use_cases.grant_expiry import expire_due
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class PostedCredit:
    """The transfer and the wallet after it. `moved` is False where it had been posted before."""

    transfer: Transfer
    wallet: Wallet
    moved: bool


async def lock_wallet(connection: Connection, account_id: str, *, at: datetime) -> Wallet:
    """Lock the account's wallet until the transaction ends, opening it if there is none. S14's sum is taken under
    this lock."""
    return await _locked(await ledger_of(connection), account_id, at=at)


async def post_purchase(
    connection: Connection,
    *,
    account_id: str,
    transfer_id: UUID,
    millicredits: int,
    reference: str,
    description: str,
    at: datetime,
    real_now: datetime,
) -> PostedCredit:
    """Credits of a payment that succeeded, once for each `reference` (the payment's id). Raises TransferIdTaken,
    TransferIdRefused."""
    ledger = await ledger_of(connection)
    wallet = await _locked(ledger, account_id, at=at)
    earlier = await credit_grants.purchase_of(ledger, account_id, reference)
    order = Order(account_id, earlier or transfer_id, Kind.PURCHASE, millicredits, description, reference)
    posted = await _post(ledger, order, wallet, at=at, real_now=real_now)
    if posted.moved:
        grant = CreditGrant(account_id, transfer_id, "paid", millicredits, None, reference)
        await credit_grants.insert(ledger, grant, at=at)
    return posted


async def post_grant(
    connection: Connection,
    *,
    account_id: str,
    transfer_id: UUID,
    millicredits: int,
    description: str,
    expires_at: datetime | None,
    at: datetime,
    real_now: datetime,
) -> PostedCredit:
    """Credits that an operator gives: a promotional lot."""
    ledger = await ledger_of(connection)
    wallet = await _locked(ledger, account_id, at=at)
    order = Order(account_id, transfer_id, Kind.GRANT, millicredits, description)
    posted = await _post(ledger, order, wallet, at=at, real_now=real_now)
    if posted.moved:
        grant = CreditGrant(account_id, transfer_id, "promotional", millicredits, expires_at, None)
        await credit_grants.insert(ledger, grant, at=at)
        await _look_at_expiry(ledger, wallet, expires_at)
    return posted


async def post_debit(
    connection: Connection,
    *,
    account_id: str,
    transfer_id: UUID,
    millicredits: int,
    description: str,
    kind: Literal[Kind.DEBIT, Kind.BREAKAGE] = Kind.DEBIT,
    at: datetime,
    real_now: datetime,
) -> PostedCredit:
    """Credits that an operator takes, never more than are available. Raises CannotDebit."""
    order = Order(account_id, transfer_id, kind, millicredits, description)
    return await _lock_and_post(connection, order, at=at, real_now=real_now)


async def post_refund(
    connection: Connection,
    *,
    account_id: str,
    transfer_id: UUID,
    millicredits: int,
    reference: str,
    description: str,
    purchase_id: UUID | None,
    at: datetime,
    real_now: datetime,
) -> PostedCredit:
    """Credits of money that goes back. May take the wallet under zero, which freezes it."""
    order = Order(account_id, transfer_id, Kind.REFUND, millicredits, description, reference, purchase_id)
    return await _lock_and_post(connection, order, at=at, real_now=real_now)


async def post_refund_undone(
    connection: Connection,
    *,
    account_id: str,
    transfer_id: UUID,
    millicredits: int,
    reference: str,
    description: str,
    purchase_id: UUID | None,
    at: datetime,
    real_now: datetime,
) -> PostedCredit:
    """Credits of a refund whose money came back: to the purchase's own lot, once debt is paid."""
    ledger = await ledger_of(connection)
    wallet = await _locked(ledger, account_id, at=at)
    order = Order(account_id, transfer_id, Kind.REFUND_UNDONE, millicredits, description, reference, purchase_id)
    return await _post(ledger, order, wallet, at=at, real_now=real_now)


async def post_dispute(
    connection: Connection,
    *,
    account_id: str,
    transfer_id: UUID,
    millicredits: int,
    reference: str,
    description: str,
    purchase_id: UUID | None,
    at: datetime,
    real_now: datetime,
) -> PostedCredit:
    """Credits of money that a bank has taken back. May take the wallet under zero."""
    order = Order(account_id, transfer_id, Kind.DISPUTE, millicredits, description, reference, purchase_id)
    return await _lock_and_post(connection, order, at=at, real_now=real_now)


async def post_dispute_won(
    connection: Connection,
    *,
    account_id: str,
    transfer_id: UUID,
    millicredits: int,
    reference: str,
    description: str,
    purchase_id: UUID | None,
    at: datetime,
    real_now: datetime,
) -> PostedCredit:
    """Credits of a dispute that was won, back in the lot that they were bought as."""
    ledger = await ledger_of(connection)
    wallet = await _locked(ledger, account_id, at=at)
    order = Order(account_id, transfer_id, Kind.DISPUTE_WON, millicredits, description, reference, purchase_id)
    return await _post(ledger, order, wallet, at=at, real_now=real_now)


async def _lock_and_post(connection: Connection, order: Order, *, at: datetime, real_now: datetime) -> PostedCredit:
    """Takes credits, so what has expired is taken first."""
    ledger = await ledger_of(connection)
    wallet = await _locked(ledger, order.account_id, at=at)
    wallets_left = await expire_due(ledger, {wallet.account_id: wallet}, at=at, real_now=real_now)
    return await _post(ledger, order, wallets_left[wallet.account_id], at=at, real_now=real_now)


async def _look_at_expiry(ledger: Ledger, wallet: Wallet, expires_at: datetime | None) -> None:
    """Tell the wallet of a lot that expires sooner than any other."""
    if expires_at is not None and (wallet.next_expiry_at is None or expires_at < wallet.next_expiry_at):
        await wallets.set_next_expiry(ledger, wallet.account_id, expires_at)


async def _locked(ledger: Ledger, account_id: str, *, at: datetime) -> Wallet:
    await wallets.open_missing(ledger, [account_id], at=at)
    return (await wallets.lock(ledger, [account_id]))[account_id]


async def _post(ledger: Ledger, order: Order, wallet: Wallet, *, at: datetime, real_now: datetime) -> PostedCredit:
    """The wallet is locked, so what is looked up here stays true."""
    key = (order.account_id, order.transfer_id)
    known = (await transfers.find(ledger, [key])).get(key)
    if known is not None:
        check_same(order, known)
        return PostedCredit(known, wallet, moved=False)
    after, transfer = post(order, wallet, now=real_now)
    await wallets.save(ledger, [after])
    await transfers.insert(ledger, [transfer], at=at)
    return PostedCredit(transfer, after, moved=True)
