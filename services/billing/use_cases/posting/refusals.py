"""Refuses accounts that can pay for nothing they ask for: by a look at their wallets, without a lock.

One statement reads wallets and looks the items' ids up, as of one moment while their askers wait; a wallet that a
posting has under way is read as it was before. Who was refused last is looked at first, and stays out of the batches of
those who pay: a flood on an empty wallet locks nothing, writes nothing and waits for no flush.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping

from services.billing.domain.ledger.decide import refused_in_all
from services.billing.domain.ledger.wallet import Wallet
from services.billing.use_cases.grant_expiry import expires_soon
from services.billing.use_cases.posting.asks import Groups
from services.billing.use_cases.posting.exactly import Done, fail
from services.billing.use_cases.posting.lane import Lane
from shared.clock import Clock
from shared.db import Database

MOST_REMEMBERED = 4_096

PassOn = Callable[[Groups], None]


class Refusals:
    """`done` is told of the accounts whose asks are answered; whoever may be able to pay, or sent an id that is known,
    is passed on. Charges and holds whose ids are of now, and an account once at a time."""

    def __init__(self, database: Database, clock: Clock, *, done: Done, pass_on: PassOn) -> None:
        self._clock = clock
        self._done = done
        self._pass_on = pass_on
        self._lane = Lane(database)
        self._remembered: OrderedDict[str, None] = OrderedDict()
        self._waiting: Groups = {}
        self._task: asyncio.Task[None] | None = None

    def __contains__(self, account_id: str) -> bool:
        """Whether the account was refused when it was last looked at."""
        return account_id in self._remembered

    def judge(self, groups: Groups) -> None:
        """Take them; answer or pass them on in time."""
        self._waiting = {**self._waiting, **groups}
        if self._waiting and self._task is None:
            self._task = asyncio.create_task(self._work_off())

    async def finish(self) -> None:
        """Answer or pass on what waits."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        await self._lane.close()

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                groups, self._waiting = self._waiting, {}
                try:
                    self._settle(groups, await self._look(groups))
                except Exception as error:  # noqa: BLE001 - each asker is told
                    self._lane.drop()
                    fail((ask for asks in groups.values() for ask in asks), error)
                    self._done(groups)
        finally:
            self._task = None

    async def _look(self, groups: Groups) -> Mapping[str, Wallet]:
        """The wallets of accounts none of whose ids is known."""
        ids = [ask.item.id for asks in groups.values() for ask in asks]  # type: ignore[union-attr]
        return await (await self._lane.connection()).wallets_of_unknown(list(groups), ids)

    def _settle(self, groups: Groups, wallets: Mapping[str, Wallet]) -> None:
        left = {}
        for account_id, asks in groups.items():
            wallet = wallets.get(account_id)
            results = None
            if wallet is not None and not expires_soon(wallet, at=self._clock.now()):
                results = refused_in_all(wallet, [ask.item for ask in asks], now=self._clock.real_now())
            if results is None:
                self._remembered.pop(account_id, None)
                left[account_id] = asks
                continue
            self._remember(account_id)
            for ask, result in zip(asks, results, strict=True):
                ask.settle(result)
        self._done([account_id for account_id in groups if account_id not in left])
        if left:
            self._pass_on(left)

    def _remember(self, account_id: str) -> None:
        self._remembered[account_id] = None
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
