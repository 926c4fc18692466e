"""Memory for answers that are kept back until their usage is known, and then until their callers have taken them: so
much for all calls of a process together, and a quarter of it for any one account.

Every call may keep 64 KiB uncounted, so that however much others keep, the answers of most are read whole.
"""

from types import TracebackType
from typing import Self

UNCOUNTED_BYTES = 64 * 1024
_PART_OF_AN_ACCOUNT = 4


class KeptBack:
    """One a process."""

    def __init__(self, most_bytes: int) -> None:
        self.left_bytes = most_bytes
        self._most_of_an_account = most_bytes // _PART_OF_AN_ACCOUNT
        self._of_accounts: dict[str, int] = {}

    def share(self, account_id: str) -> "Share":
        return Share(self, account_id)

    def take(self, account_id: str, size: int) -> bool:
        """Whether the account may keep so many bytes more; they are counted if so."""
        its = self._of_accounts.get(account_id, 0) + size
        if size > self.left_bytes or its > self._most_of_an_account:
            return False
        self.left_bytes -= size
        self._of_accounts[account_id] = its
        return True

    def give_back(self, account_id: str, size: int) -> None:
        """So many bytes of the account's are kept no longer."""
        self.left_bytes += size
        left = self._of_accounts.pop(account_id, 0) - size
        if left > 0:
            self._of_accounts[account_id] = left


class Share:
    """What one call keeps, given back at the end of a `with` block."""

    __slots__ = ("_account_id", "_counted", "_of")

    def __init__(self, of: KeptBack, account_id: str) -> None:
        self._of = of
        self._account_id = account_id
        self._counted = 0

    def may_be(self, size: int) -> bool:
        """Whether the call may keep so many bytes in all; they are counted as its own if so."""
        more = max(0, size - UNCOUNTED_BYTES) - self._counted
        if more <= 0:
            return True
        if not self._of.take(self._account_id, more):
            return False
        self._counted += more
        return True

    def handed_on(self) -> "Share":
        """What is kept beyond this share's end, as a share of its own."""
        share = Share(self._of, self._account_id)
        share._counted, self._counted = self._counted, 0
        return share

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._counted:
            self._of.give_back(self._account_id, self._counted)
        self._counted = 0
