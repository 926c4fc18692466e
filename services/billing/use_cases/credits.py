"""What an account has, and every entry that made it so (C3, C10)."""

from dataclasses import dataclass
from datetime import datetime

from services.billing.domain.ledger.transfer import PREFIX as ENTRY_PREFIX
from services.billing.domain.ledger.transfer import Posted
from services.billing.domain.ledger.wallet import Wallet
from services.billing.service import Billing
from services.billing.store import disputes, grant_states, transfers, wallets
from services.billing.store.ledger_connection import Ledger, ledger_snapshot, ledger_transaction
from services.billing.use_cases.grant_expiry import standing_of
from shared import ids
from shared.errors import DomainError

_MOST_ENDS = 20
_MOST_ENTRIES = 20_000
"""So many entries since its stored state, an account's lots are followed in the time of one answer."""


@dataclass(frozen=True, slots=True)
class Expiring:
    """Millicredits that are left of lots which expire together."""

    millicredits: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """A wallet, and the next of its credits to expire, soonest first. None: so much was spent just now that it is
    still being computed."""

    wallet: Wallet
    expiring: list[Expiring] | None


async def read_wallet(billing: Billing, account_id: str) -> tuple[Wallet, bool]:
    """The wallet as committed, zeros where the account has none yet; and whether a dispute marks the account."""
    async with ledger_transaction(billing.database) as ledger:
        return await wallets.read(ledger, account_id), await disputes.marks(ledger, account_id)


async def read_standing(billing: Billing, account_id: str) -> Standing:
    """The wallet and what of it expires when, of one moment. Computed for accounts that have such credits alone."""
    async with ledger_snapshot(billing.database) as ledger:
        wallet = await wallets.read(ledger, account_id)
        if wallet.next_expiry_at is None:
            return Standing(wallet, [])
        return Standing(wallet, await _expiring(ledger, wallet, at=billing.clock.now()))


async def _expiring(ledger: Ledger, wallet: Wallet, *, at: datetime) -> list[Expiring] | None:
    if wallet.last_position - await grant_states.position(ledger, wallet.account_id) > _MOST_ENTRIES:
        return None
    standing = await standing_of(ledger, wallet.account_id, wallet.last_position)
    ends: dict[datetime, int] = {}
    for lot in standing.lots:
        if lot.expires_at is not None and lot.expires_at > at and lot.id in standing.state.left:
            ends[lot.expires_at] = ends.get(lot.expires_at, 0) + standing.state.left[lot.id]
    return [Expiring(ends[end], end) for end in sorted(ends)[:_MOST_ENDS]]


async def list_entries(billing: Billing, account_id: str, *, after: str | None, limit: int) -> list[Posted]:
    """The account's entries in the order of posting, newest first, those before the entry `after`."""
    async with ledger_transaction(billing.database) as ledger:
        before = None
        if after is not None:
            entry_id = ids.decode(ENTRY_PREFIX, after)
            last = await transfers.posted_one(ledger, account_id, entry_id) if entry_id else None
            if last is None:
                raise DomainError("invalid_cursor", "There is nothing with the id that `after` names.")
            before = last.transfer.position
        return await transfers.page(ledger, account_id, before=before, limit=limit)
