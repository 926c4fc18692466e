"""One process's share of the limits, for as long as Redis is away, and what it owes Redis afterwards.

It begins at its part of what Redis last said of a key. Bounded: the key that was not called for longest is forgotten.
"""

import time
from collections import OrderedDict

from services.gateway.domain.admission import AbuseRule, Admission, Allowance, Decision, Judgement, KeyState, admit
from services.gateway.domain.admission import share_of as share_of_allowance
from services.gateway.domain.key_record import KeyRecord
from services.gateway.store.buckets import Asked
from shared.token_bucket import Level

_MOST_REMEMBERED = 50_000

Said = tuple[Judgement, int]
"""What Redis said of a key, and when (unix ms)."""


class OwnShare:
    """One a process. `processes` is how many there are in all."""

    def __init__(self, rule: AbuseRule, *, processes: int) -> None:
        self._rule = rule
        self._processes = processes
        self._keys: OrderedDict[str, Said | KeyState] = OrderedDict()
        self._owed: dict[str, Asked] = {}

    def remember(self, key_id: str, judgement: Judgement) -> None:
        """What Redis said last."""
        self._keep(key_id, (judgement, _now_ms()))

    def admit(self, record: KeyRecord, allowance: Allowance) -> Admission:
        """Judge one call by this process's share; what is admitted is owed."""
        said = self._keys.get(record.key_id, KeyState())
        state = said if isinstance(said, KeyState) else self._share_of(*said)
        share = share_of_allowance(allowance, processes=self._processes)
        admission, state = admit(state, share, self._rule, now_ms=_now_ms())
        self._keep(record.key_id, state)
        if admission.decision is Decision.ADMITTED:
            self._owe(record, allowance)
        return admission

    def take_owed(self, most: int) -> list[Asked]:
        """Up to so many keys' debts, to be told now."""
        taken: list[Asked] = []
        while self._owed and len(taken) < most:
            taken.append(self._owed.pop(next(iter(self._owed))))
        return taken

    @property
    def owes(self) -> bool:
        return bool(self._owed)

    def _owe(self, record: KeyRecord, allowance: Allowance) -> None:
        debt = self._owed.get(record.key_id)
        if debt is not None:
            debt.spent += 1
        elif len(self._owed) < _MOST_REMEMBERED:
            self._owed[record.key_id] = Asked(record.account_id, record.key_id, allowance, times=0, spent=1)

    def _keep(self, key_id: str, state: Said | KeyState) -> None:
        self._keys[key_id] = state
        self._keys.move_to_end(key_id)
        if len(self._keys) > _MOST_REMEMBERED:
            self._keys.popitem(last=False)

    def _share_of(self, judgement: Judgement, said_at_ms: int) -> KeyState:
        levels = {
            bucket.name: Level(units // self._processes, said_at_ms)
            for bucket, units in zip(judgement.allowance.buckets, judgement.units, strict=True)
        }
        return KeyState(levels, judgement.refused, said_at_ms, judgement.banned_until_ms)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
