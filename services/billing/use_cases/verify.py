"""`ledger verify`: the wallets' book, the money book and the seal proved together, for the API and the command line."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from services.billing.domain.books.audit import MoneyProof, PostingSum
from services.billing.domain.books.reports import USD
from services.billing.domain.ledger.audit import Difference, Proof
from services.billing.domain.ledger.transfer import PREFIX as ENTRY_PREFIX
from services.billing.domain.seal.audit import SealProof
from services.billing.domain.seal.checkpoint import Signer
from services.billing.use_cases.reports import decimal_of, money_view
from services.billing.use_cases.verify_books import verify_books
from services.billing.use_cases.verify_ledger import Progress, say_nothing, verify_ledger
from services.billing.use_cases.verify_seals import verify_seals
from shared import ids
from shared.db import Database
from shared.money import Credits


@dataclass(frozen=True, slots=True)
class Verdict:
    book: Proof
    seal: SealProof
    money: MoneyProof

    @property
    def balanced(self) -> bool:
        return self.book.balanced and self.money.balanced

    @property
    def holds(self) -> bool:
        return self.balanced and self.seal.sealed

    @property
    def trial_balance(self) -> int:
        """Both books' in US dollars, in millicredits; of the money book's other currencies `balanced` tells."""
        return self.book.trial_balance + self.money.sum_in(USD)

    def as_view(self) -> dict[str, object]:
        """As the API answers. Amounts in differences are millicredits, in the money book micros of the currency;
        hashes are hexadecimal. `waiting` has what credits and money show on one side only, and is no difference."""
        return {
            "balanced": self.balanced,
            "sealed": self.seal.sealed,
            "trial_balance": Credits(self.trial_balance),
            "differences": self._differences(),
            "checked": {"wallets": self.book.wallets, "transfers": self.book.transfers},
            "money": {
                "checked": self.money.checked,
                "waiting": [
                    {"ledger_account": each.ledger_account, **money_view(each.balance, each.currency)}
                    for each in self.money.waiting
                ],
            },
        }

    def lines(self) -> Iterator[str]:
        """For a person."""
        book, seal = self.book, self.seal
        yield (
            f"The book {_holds(book.balanced)}: {book.transfers:,} transfers of {book.wallets:,} wallets recomputed,"
            f" trial balance {Credits(book.trial_balance)}."
        )
        yield f"The money book {_holds(self.money.balanced)}: {self.money.checked:,} sums of postings recomputed."
        for each in self.money.waiting:
            yield f"  waiting for its other side: {each.ledger_account} {decimal_of(each.balance)} {each.currency}"
        yield (
            f"The seal {_holds(seal.sealed)}: {seal.transfers:,} transfers under {seal.seals:,} seals"
            f" and {seal.checkpoints:,} signed checkpoints."
        )
        for difference in self._differences():
            yield "  " + ", ".join(f"{name} {value}" for name, value in difference.items() if value not in (None, ""))

    def _differences(self) -> list[dict[str, object]]:
        of_book = [_difference_view(difference) for difference in self.book.differences]
        of_book += [_posting_view(posting) for posting in self.money.unbalanced]
        return of_book + [asdict(difference) for difference in self.seal.differences]


async def verify(
    database: Database, signer: Signer, *, of_book: Progress = say_nothing, of_seal: Progress = say_nothing
) -> Verdict:
    """Recompute all. The seal first: what it covers is older, and the book's pass sees all of it."""
    seal = await verify_seals(database, signer, progress=of_seal)
    return Verdict(await verify_ledger(database, progress=of_book), seal, await verify_books(database))


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


def _posting_view(posting: PostingSum) -> dict[str, object]:
    return {
        "account_id": None,
        "what": "money_posting",
        "recorded": posting.micros,
        "recomputed": 0,
        "transaction": None,
        "kind": posting.kind.value,
        "reference": posting.reference,
        "currency": posting.currency,
    }
