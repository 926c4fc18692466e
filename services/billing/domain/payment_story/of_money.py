"""What moved: credits in the wallet, money at Stripe, and what the money book says of both."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from services.billing.domain.books.posting import Line, MoneyKind, MoneyPosting
from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.transfer import Posted, entry_id
from services.billing.domain.payment_story.amounts import credits_text, micros_text, minor_text
from services.billing.domain.payment_story.facts import Booked, Facts, StoryLine, references
from services.billing.domain.stripe_balance import NotedTransaction


def lines_of_money(facts: Facts) -> Iterator[StoryLine]:
    """In no order."""
    for entry in facts.entries:
        yield _entry(entry)
    for transaction in facts.transactions:
        yield _transaction(transaction)
    for booked in facts.postings:
        yield _posting(booked)


_MOVED = {
    Kind.PURCHASE: "were added to the wallet, as bought",
    Kind.REFUND: "were taken from the wallet for a refund",
    Kind.REFUND_UNDONE: "were given back to the wallet, since a refund failed",
    Kind.DISPUTE: "were taken from the wallet for a dispute",
    Kind.DISPUTE_WON: "were given back to the wallet by a dispute",
}


def _entry(entry: Posted) -> StoryLine:
    transfer = entry.transfer
    moved = _MOVED.get(transfer.kind, f"were moved as {transfer.kind}")
    text = f"{credits_text(transfer.amount)} {moved}; its balance was then {credits_text(transfer.balance_after)}."
    if transfer.balance_after < 0:
        text += " The account can spend nothing until that is paid."
    return StoryLine(entry.created_at, "entry", text, {"entry_id": entry_id(transfer.id)}, rank=4)


def _transaction(tx: NotedTransaction) -> StoryLine:
    amount, fee, net = (minor_text(each, tx.currency) for each in (tx.amount_minor, tx.fee_minor, tx.net_minor))
    told = f"{amount} less a fee of {fee}, which is {net} net" if tx.fee_minor else f"{amount}, without a fee"
    text = f"Stripe's balance shows its {tx.type}: {told}, by Stripe's clock at {tx.created_at:%Y-%m-%d %H:%M:%S}."
    return StoryLine(tx.noted_at, "balance", text, references(transaction_id=tx.id, source=tx.source))


def _posting(booked: Booked) -> StoryLine:
    posting = booked.posting
    said = "; ".join(_told(posting.lines))
    named = {"posting": posting.kind.value, "reference": _reference(posting)}
    rank = 6 if posting.kind is not MoneyKind.PAYMENT_RECEIVED else 5
    return StoryLine(booked.at, "posting", f"Booked {said}.", named, rank)


def _reference(posting: MoneyPosting) -> str:
    """A transfer's is said as customers and the API see it."""
    return entry_id(UUID(posting.reference)) if posting.kind is MoneyKind.DISPUTE_RESIZED else posting.reference


def _told(lines: Sequence[Line]) -> Iterator[str]:
    """Each line in words; what goes through the exchange as one."""
    for line in lines:
        if line.ledger_account != "currency_exchange":
            amount = micros_text(abs(line.micros), line.currency)
            phrase = _WORDS.get((line.ledger_account, line.micros > 0))
            yield phrase.format(amount) if phrase else _plain(line, amount)
    exchanged = [micros_text(abs(line.micros), line.currency) for line in lines if line.ledger_account == _EXCHANGE]
    if exchanged:
        yield f"{' against '.join(exchanged)} by way of the currency exchange"


_EXCHANGE = "currency_exchange"


def _plain(line: Line, amount: str) -> str:
    return f"{amount} as a {'debit' if line.micros > 0 else 'credit'} of {line.ledger_account}"


_WORDS = {
    ("receivables", True): "{} as owed by Stripe",
    ("receivables", False): "{} as no longer owed by Stripe",
    ("payments", False): "{} of credits as sold",
    ("deferred_subscriptions", False): "{} as paid for a period to come",
    ("deferred_subscriptions", True): "{} of that as no longer to come",
    ("subscription_revenue", False): "{} as earned",
    ("subscription_revenue", True): "{} as earned no longer",
    ("sales_revenue", False): "{} as earned by a sale",
    ("sales_revenue", True): "{} as earned by a sale no longer",
    ("refunds", True): "{} of credits as taken back by a refund",
    ("refunds", False): "{} of credits as given back, since a refund failed",
    ("disputes", True): "{} of credits as taken back by a dispute",
    ("disputes", False): "{} of credits as given back by a dispute",
    ("stripe_balance", True): "{} into our balance at Stripe",
    ("stripe_balance", False): "{} out of our balance at Stripe",
    ("stripe_fees", True): "{} as Stripe's fee",
    ("stripe_fees", False): "{} as Stripe's fee given back",
    ("suspense", True): "{} as put aside no longer",
    ("suspense", False): "{} as put aside until it is known to be ours",
    ("dispute_losses", True): "{} as lost to a dispute",
    ("dispute_losses", False): "{} as lost to a dispute no longer",
    ("allowance_for_debts", True): "{} of the customer's debt as expected again",
    ("allowance_for_debts", False): "{} of the customer's debt as not expected to be paid",
    ("rounding", True): "{} of rounding to our loss",
    ("rounding", False): "{} of rounding to our gain",
}
"""By ledger account, and whether the line is a debit."""
