"""What waits to be posted, by account. Bounded; in order of arrival within an account; accounts take turns.

An account whose items are being posted is busy: its next items wait until those are answered, so that no two
transactions of this process want one wallet.
"""

from collections import deque
from collections.abc import Iterable

from services.billing.use_cases.posting.asks import Ask


class Waiting:
    """Lives as long as its Poster. `size` counts the items that wait."""

    def __init__(self) -> None:
        self.size = 0
        self._by_account: dict[str, deque[Ask]] = {}
        self._turns: deque[str] = deque()
        self._busy: set[str] = set()

    def of(self, account_id: str) -> int:
        """How many items of the account wait."""
        return len(self._by_account.get(account_id, ()))

    @property
    def ready(self) -> int:
        """How many accounts have their turn to be taken."""
        return len(self._turns)

    def put(self, ask: Ask) -> None:
        account_id = ask.item.account_id
        asks = self._by_account.get(account_id)
        if asks is None:
            asks = self._by_account[account_id] = deque()
            if account_id not in self._busy:
                self._turns.append(account_id)
        asks.append(ask)
        self.size += 1

    def take(self, most: int) -> dict[str, list[Ask]]:
        """The next batch: each account whose turn it is gets the same share of it, and what others leave over. The
        accounts are busy until `done`."""
        share = max(1, most // (len(self._turns) or 1))
        groups: dict[str, list[Ask]] = {}
        room = most
        while self._turns and room > 0:
            account_id = self._turns.popleft()
            asks = self._by_account[account_id]
            is_last = not self._turns
            taken = self._taken(asks, room if is_last else min(share, room))
            room -= len(taken)
            self._busy.add(account_id)
            if not asks:
                del self._by_account[account_id]
            groups[account_id] = taken
        return groups

    def done(self, account_ids: Iterable[str]) -> None:
        """The accounts' taken items are answered; what came meanwhile waits for its turn behind the others."""
        for account_id in account_ids:
            self._busy.discard(account_id)
            if account_id in self._by_account:
                self._turns.append(account_id)

    def _taken(self, asks: deque[Ask], most: int) -> list[Ask]:
        if len(asks) <= most:
            taken = list(asks)
            asks.clear()
        else:
            taken = [asks.popleft() for _ in range(most)]
        self.size -= len(taken)
        return taken
