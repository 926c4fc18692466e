"""Two queues to billing, so that refusals hold nobody up.

Billing answers a request when all in it are decided. What a wallet covers is one statement; a refusal is decided under
the wallet's lock and takes several times as long. So the accounts that were refused last are asked about in requests of
their own, and a flood on an empty wallet waits for itself alone.
"""

from collections import OrderedDict

from services.gateway.clients.billing_ledger import BillingLedger
from shared.contracts import ledger as contract

MOST_REMEMBERED = 4_096
_REFUSED = frozenset({"insufficient_credits", "account_frozen"})


class BillingLanes:
    """One a process. `apart` takes the items of accounts whose last item was refused, `swift` all others. An account
    may have items in both while it changes over: each is decided once, on what its wallet has then."""

    def __init__(self, swift: BillingLedger, apart: BillingLedger) -> None:
        self._swift = swift
        self._apart = apart
        self._refused: OrderedDict[str, None] = OrderedDict()

    async def post(self, item: contract.Item) -> contract.Result:
        """The verdict on one item. Raises BillingUnavailable past the deadline, BillingOverloaded at once."""
        account_id = item["account_id"]
        lane = self._apart if account_id in self._refused else self._swift
        result = await lane.post(item)
        if result["verdict"] in _REFUSED:
            self._refused[account_id] = None
            if len(self._refused) > MOST_REMEMBERED:
                self._refused.popitem(last=False)
        elif lane is self._apart:
            self._refused.pop(account_id, None)
        return result
