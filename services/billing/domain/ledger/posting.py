"""Single postings: money that arrives, goes back, or is given and taken by an operator."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.billing.domain.chart_of_accounts import MAY_OVERDRAW, Kind, direction
from services.billing.domain.ledger.transfer import Transfer, id_is_refused
from services.billing.domain.ledger.wallet import Wallet, overdrawn_by, settled
from shared.errors import DomainError
from shared.money import Credits


class CannotDebit(DomainError):
    """The debit would take the wallet under what is available. 409, where the paid call's same code is 402."""

    def __init__(self, *, available: int, required: int) -> None:
        super().__init__(
            "insufficient_credits",
            f"{Credits(required)} credits were to be taken and {Credits(available)} are available.",
            extra={"credits": Credits(available), "required": Credits(required)},
            status=409,
        )


class TransferIdRefused(DomainError):
    """The id's time is over 35 days old or over two hours ahead."""

    def __init__(self) -> None:
        super().__init__("id_refused", "The transfer's id names a time that the ledger takes no ids of.")


class TransferIdTaken(DomainError):
    """The id was used with other content."""

    def __init__(self) -> None:
        super().__init__("id_conflict", "The transfer's id was used for another transfer.")


@dataclass(frozen=True, slots=True)
class Order:
    """A single transfer that is asked for. `amount` is millicredits over zero."""

    account_id: str
    transfer_id: UUID
    kind: Kind
    amount: int
    description: str
    reference: str | None = None
    refers_to: UUID | None = None

    def __post_init__(self) -> None:
        assert self.amount > 0 and direction(self.kind) != 0


def post(order: Order, wallet: Wallet, *, now: datetime) -> tuple[Wallet, Transfer]:
    """The wallet after the transfer, and the transfer. Raises TransferIdRefused (`now` is real time), and CannotDebit
    where the kind may not take more than is available."""
    if id_is_refused(order.transfer_id, now):
        raise TransferIdRefused
    after = _moved(order, wallet)
    return after, Transfer(
        account_id=order.account_id,
        id=order.transfer_id,
        kind=order.kind,
        amount=order.amount,
        balance_after=after.balance,
        position=after.last_position,
        description=order.description,
        refers_to=order.refers_to,
        reference=order.reference,
    )


def _moved(order: Order, wallet: Wallet) -> Wallet:
    if order.kind in MAY_OVERDRAW:
        return overdrawn_by(wallet, amount=order.amount)
    change = direction(order.kind) * order.amount
    if change < 0 and wallet.available + change < 0:
        raise CannotDebit(available=wallet.available, required=order.amount)
    return settled(wallet, balance=wallet.balance + change, held=wallet.held, last_position=wallet.last_position + 1)


def check_same(order: Order, known: Transfer) -> None:
    """A transfer sent again must be the same one. Raises TransferIdTaken."""
    asked: Mapping[str, object] = {"kind": order.kind, "amount": order.amount, "reference": order.reference}
    if any(getattr(known, name) != value for name, value in asked.items()):
        raise TransferIdTaken
