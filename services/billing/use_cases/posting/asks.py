"""An item on its way to its verdict, and the request that it came with."""

import asyncio
from collections.abc import Mapping, Sequence

from services.billing.domain.ledger.items import Charge, Hold, Item, Result, Verdict
from shared.errors import DomainError


class Request:
    """Items that were sent together and are answered together."""

    __slots__ = ("_failed", "_left", "_results", "answered", "loop")

    def __init__(self, count: int) -> None:
        self._results: list[Result | None] = [None] * count
        self._left = count
        self._failed = False
        self.loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[list[Result]] = self.loop.create_future()

    def settle(self, place: int, result: Result) -> None:
        """The verdict on one item. Each comes once; nobody may be waiting for them any more."""
        self._results[place] = result
        self._left -= 1
        if not self._left and not self.answered.done():
            self.answered.set_result(self._results)  # type: ignore[arg-type]

    def is_settled(self, place: int) -> bool:
        """Whether the item there has its verdict, or nobody waits for any."""
        return self._results[place] is not None or self._failed

    def fail(self, error: BaseException) -> None:
        """What became of one of its items is not known: the request is over."""
        self._failed = True
        if not self.answered.done():
            self.answered.set_exception(error)


class Ask:
    """One item. A charge or hold that was not begun by `begin_by` (monotonic, ns) is given up."""

    __slots__ = ("begin_by", "item", "place", "request")

    def __init__(self, item: Item, request: Request, place: int, begin_by: int) -> None:
        self.item = item
        self.request = request
        self.place = place
        self.begin_by = begin_by

    def settle(self, result: Result) -> None:
        self.request.settle(self.place, result)

    @property
    def is_settled(self) -> bool:
        return self.request.is_settled(self.place)

    @property
    def may_be_given_up(self) -> bool:
        """Its asker has given nothing away yet."""
        return isinstance(self.item, Charge | Hold)

    def give_up(self) -> None:
        """Nothing was done about it. Only of a charge or a hold."""
        self.settle(Result(Verdict.BUSY, charged=0, held=0, available=0, balance=0))


Groups = Mapping[str, Sequence[Ask]]
"""What each account has in a batch, in order of arrival."""


def unknown_outcome(detail: str = "It is not known what became of the items; send them again.") -> DomainError:
    """503: the same items may be sent again."""
    return DomainError("service_unavailable", detail, headers={"Retry-After": "1"})
