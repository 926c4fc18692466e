"""The gateway's inner doors to the ledger: postings of paid calls, their outcomes, a wallet. See
`shared.contracts.ledger`.

What is plainly right of the first two `ledger_door` answers before it comes here; these routes judge the rest."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from services.billing.api.guards import billing_of
from services.billing.api.ledger_wire import LONGEST_HOLD_MS, MAX_INTEGER, view
from services.billing.domain.disputing import standing
from services.billing.domain.ledger import items as domain
from services.billing.domain.ledger.items import Call, Item
from services.billing.domain.ledger.usage import Ending
from services.billing.use_cases import credits, usage
from shared.contracts import ledger as contract
from shared.doors import StrictRoute, Wire, answer, guarded
from shared.money import MAX_MILLICREDITS
from shared.service_auth import service_required

router = APIRouter(route_class=StrictRoute, include_in_schema=False)

Id = Annotated[UUID, Field(strict=False)]
Account = Annotated[str, Field(min_length=1, max_length=64)]
Amount = Annotated[int, Field(ge=0, le=MAX_MILLICREDITS)]
Name = Annotated[str, Field(max_length=200)]
Outcome = contract.Outcome


class UnitsWire(Wire):
    calls: Amount
    tokens: Amount
    units: Amount


class UsageWire(Wire):
    request_id: Id
    route: Name
    key_id: Name
    price_version: Annotated[int, Field(ge=0, le=MAX_INTEGER)]
    units: UnitsWire
    outcome: Outcome
    flagged: bool

    def call(self) -> Call:
        return Call(
            request_id=self.request_id,
            route=self.route,
            key_id=self.key_id,
            price_version=self.price_version,
            calls=self.units.calls,
            tokens=self.units.tokens,
            units=self.units.units,
            outcome=self.outcome,
            flagged=self.flagged,
        )


class ChargeWire(Wire):
    op: Literal["charge"]
    id: Id
    account_id: Account
    amount: Amount
    usage: UsageWire

    def item(self) -> Item:
        return domain.Charge(self.id, self.account_id, self.amount, self.usage.call())


class ReverseWire(Wire):
    op: Literal["reverse"]
    id: Id
    charge_id: Id
    account_id: Account
    outcome: Outcome

    def item(self) -> Item:
        return domain.Reverse(self.id, self.charge_id, self.account_id, self.outcome)


class HoldWire(Wire):
    op: Literal["hold"]
    id: Id
    account_id: Account
    amount: Amount
    at_least: Amount
    expires_in_ms: Annotated[int, Field(ge=1, le=LONGEST_HOLD_MS)]
    usage: UsageWire

    def item(self) -> Item:
        return domain.Hold(self.id, self.account_id, self.amount, self.at_least, self.expires_in_ms, self.usage.call())


class CaptureWire(Wire):
    op: Literal["capture"]
    id: Id
    hold_id: Id
    account_id: Account
    amount: Amount
    usage: UsageWire

    def item(self) -> Item:
        return domain.Capture(self.id, self.hold_id, self.account_id, self.amount, self.usage.call())


class ReleaseWire(Wire):
    op: Literal["release"]
    hold_id: Id
    account_id: Account
    outcome: Outcome

    def item(self) -> Item:
        return domain.Release(self.hold_id, self.account_id, self.outcome)


class ProgressWire(Wire):
    op: Literal["progress"]
    hold_id: Id
    account_id: Account
    amount: Amount
    usage: UsageWire

    def item(self) -> Item:
        return domain.Progress(self.hold_id, self.account_id, self.amount, self.usage.call())


ItemWire = Annotated[
    ChargeWire | ReverseWire | HoldWire | CaptureWire | ReleaseWire | ProgressWire, Field(discriminator="op")
]


class PostingsWire(Wire):
    items: Annotated[list[ItemWire], Field(min_length=1, max_length=contract.MAX_ITEMS)]
    deadline_ms: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None


class EndingWire(Wire):
    account_id: Account
    request_id: Id
    outcome: Outcome
    latency_ms: Annotated[int, Field(ge=0, le=MAX_INTEGER)]


class EndingsWire(Wire):
    items: Annotated[list[EndingWire], Field(max_length=contract.MAX_ITEMS)]


@router.post(contract.PATH)
@guarded(service_required)
async def postings(request: Request, body: PostingsWire) -> Response:
    """Judge each item alone, in order; durable before the answer leaves."""
    poster = billing_of(request).poster
    results = await poster.post([wire.item() for wire in body.items], within_ms=body.deadline_ms)
    return answer({"results": [view(result) for result in results]})


@router.post(contract.OUTCOMES_PATH)
@guarded(service_required)
async def outcomes(request: Request, body: EndingsWire) -> Response:
    """How answered calls ended."""
    endings = [Ending(wire.account_id, wire.request_id, wire.outcome, wire.latency_ms) for wire in body.items]
    await usage.tell_endings(billing_of(request), endings)
    return answer(status=204)


@router.get("/internal/v1/wallets/{account_id}")
@guarded(service_required)
async def wallet(request: Request, account_id: str) -> Response:
    """What the account has, as committed."""
    found, marked = await credits.read_wallet(billing_of(request), account_id)
    state = contract.WalletState(
        account_id=account_id,
        balance=found.balance,
        held=found.held,
        available=found.available,
        frozen_reason=found.frozen_reason,
        standing=standing(frozen_reason=found.frozen_reason, marked=marked),
    )
    return answer(state)
