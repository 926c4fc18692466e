"""Calls that wait for their limits to be judged: by key, so that many calls of one key are one question.

A batch takes one key of each account in turn, oldest first: an account that floods with many keys fills no batch while
others wait, and one that floods with one key is a single question.
"""

import asyncio

from services.gateway.domain.admission import Admission, Allowance, Judgement
from services.gateway.domain.key_record import KeyRecord
from services.gateway.store.buckets import Asked

Verdict = asyncio.Future[Admission | None]
"""A call's admission; None: it was not judged."""


class KeyCalls(Asked):
    """The calls of one key, in order of arrival."""

    __slots__ = ("verdicts",)

    def __init__(self, record: KeyRecord, allowance: Allowance) -> None:
        super().__init__(record.account_id, record.key_id, allowance)
        self.verdicts: list[Verdict] = []

    def count(self) -> int:
        """How many still wait: `times`, from here on."""
        self.verdicts = [verdict for verdict in self.verdicts if not verdict.done()]
        self.times = len(self.verdicts)
        return self.times

    def answer(self, judgement: Judgement) -> None:
        for position, verdict in enumerate(self.verdicts):
            if not verdict.done():
                verdict.set_result(judgement.nth(position))

    def leave_unjudged(self) -> None:
        for verdict in self.verdicts:
            if not verdict.done():
                verdict.set_result(None)


class WaitingCalls:
    """One a process. True while anybody waits."""

    def __init__(self) -> None:
        self._accounts: dict[str, dict[tuple[str, Allowance], KeyCalls]] = {}

    def __bool__(self) -> bool:
        return bool(self._accounts)

    def add(self, record: KeyRecord, allowance: Allowance, verdict: Verdict) -> None:
        account_id, named = record.identity.account_id, (record.key_id, allowance)
        keys = self._accounts.get(account_id)
        if keys is None:
            keys = self._accounts[account_id] = {}
        calls = keys.get(named)
        if calls is None:
            calls = keys[named] = KeyCalls(record, allowance)
        calls.verdicts.append(verdict)

    def next_batch(self, most_keys: int) -> list[KeyCalls]:
        """Up to so many keys' calls, a key of each account in turn. Whoever gave up is no call any more."""
        batch: list[KeyCalls] = []
        while self._accounts and len(batch) < most_keys:
            account_id = next(iter(self._accounts))
            keys = self._accounts.pop(account_id)
            calls = keys.pop(next(iter(keys)))
            if keys:
                self._accounts[account_id] = keys
            if calls.count():
                batch.append(calls)
        return batch

    def leave_unjudged(self) -> None:
        """Let everybody go who waits."""
        accounts, self._accounts = self._accounts, {}
        for keys in accounts.values():
            for calls in keys.values():
                calls.leave_unjudged()
