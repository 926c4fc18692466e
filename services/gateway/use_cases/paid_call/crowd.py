"""How many calls of one account are under way in this process: bounded, so that one's flood leaves room for others."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from services.gateway.use_cases.paid_call.bodies import begun
from services.gateway.use_cases.paid_call.desk import overloaded


class Crowd:
    """One a process."""

    def __init__(self, most_per_account: int) -> None:
        self._most = most_per_account
        self._calls: dict[str, int] = {}

    def __len__(self) -> int:
        """How many accounts have calls under way."""
        return len(self._calls)

    def enter(self, account_id: str) -> None:
        """One more; `leave` follows, whatever happens. DomainError `overloaded`."""
        calls = self._calls.get(account_id, 0)
        if calls >= self._most:
            raise overloaded()
        self._calls[account_id] = calls + 1

    def leave(self, account_id: str) -> None:
        calls = self._calls.pop(account_id) - 1
        if calls:
            self._calls[account_id] = calls

    async def leave_after(self, account_id: str, body: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """The same body; the call is under way until its end."""
        return await begun(self._until_end(account_id, body))

    async def _until_end(self, account_id: str, body: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        try:
            yield b""
            async with aclosing(body):
                async for piece in body:
                    yield piece
        finally:
            self.leave(account_id)
