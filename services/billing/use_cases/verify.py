"""`ledger verify`: the book and its seal proved together, for the API and the command line."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from services.billing.domain.ledger.audit import Difference, Proof
from services.billing.domain.seal.audit import SealProof
from services.billing.domain.seal.checkpoint import Signer
from services.billing.use_cases.credits import ENTRY_PREFIX
from services.billing.use_cases.verify_ledger import Progress, say_nothing, verify_ledger
from services.billing.use_cases.verify_seals import verify_seals
from shared import ids
from shared.db import Database
from shared.money import Credits


@dataclass(frozen=True, slots=True)
class Verdict:
    book: Proof
    seal: SealProof

    @property
    def holds(self) -> bool:
        return self.book.balanced and self.seal.sealed

    def as_view(self) -> dict[str, object]:
        """As the API answers. Amounts in differences are millicredits, hashes hexadecimal."""
        return {
            "balanced": self.book.balanced,
            "sealed": self.seal.sealed,
            "trial_balance": Credits(self.book.trial_balance),
            "differences": self._differences(),
            "checked": {"wallets": self.book.wallets, "transfers": self.book.transfers},
        }

    def lines(self) -> Iterator[str]:
        """For a person."""
        book, seal = self.book, self.seal
        yield (
            f"The book {_holds(book.balanced)}: {book.transfers:,} transfers of {book.wallets:,} wallets recomputed,"
            f" trial balance {Credits(book.trial_balance)}."
        )
        yield (
            f"The seal {_holds(seal.sealed)}: {seal.transfers:,} transfers under {seal.seals:,} seals"
            f" and {seal.checkpoints:,} signed checkpoints."
        )
        for difference in self._differences():
            yield "  " + ", ".join(f"{name} {value}" for name, value in difference.items() if value not in (None, ""))

    def _differences(self) -> list[dict[str, object]]:
        of_book = [_difference_view(difference) for difference in self.book.differences]
        return of_book + [asdict(difference) for difference in self.seal.differences]


async def verify(
    database: Database, signer: Signer, *, of_book: Progress = say_nothing, of_seal: Progress = say_nothing
) -> Verdict:
    """Recompute both. The seal first: what it covers is older, and the book's pass sees all of it."""
    seal = await verify_seals(database, signer, progress=of_seal)
    return Verdict(await verify_ledger(database, progress=of_book), seal)


def _holds(does: bool) -> str:
    return "holds" if does else "DOES NOT HOLD"


def _difference_view(difference: Difference) -> dict[str, object]:
    transfer = difference.transfer
    return {
        "account_id": difference.account_id,
        "what": difference.what,
        "recorded": difference.recorded,
        "recomputed": difference.recomputed,
        "transaction": ids.encode(ENTRY_PREFIX, transfer.id) if transfer is not None else None,
    }
