"""What a call asks of billing, whoever stands between: the process's own ledger, undo and outcomes, or the ticket of a
call that bears an Idempotency-Key."""

from typing import Protocol

from shared.contracts.ledger import Item, OutcomeItem, Release, Result, Reverse


class Posts(Protocol):
    """Raises BillingUnavailable, BillingOverloaded."""

    async def post(self, item: Item, /) -> Result: ...


class Undoes(Protocol):
    """What can't be undone now, as soon as it can."""

    def later(self, *items: Reverse | Release) -> None: ...


class Tells(Protocol):
    """How a call ended, behind its answer."""

    def tell(self, item: OutcomeItem, /) -> None: ...
