"""`train-from-history`: a model from this deployment's own payments and labels."""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.fraud.commands.model import told_training, with_clear_ends
from services.fraud.commands.saying import EXIT_BAD_DATA, Progress, end
from services.fraud.domain.past_payment import PastPayment
from services.fraud.settings import Settings
from services.fraud.use_cases.training_history import past_payments
from shared.db import Database
from shared.service_main import Command

if TYPE_CHECKING:
    from services.fraud.training.history import Ints


def _run(settings: Settings, given: argparse.Namespace) -> None:
    from services.fraud.training.files import write_history  # noqa: PLC0415 - pyarrow is of the extra
    from services.fraud.training.history import History  # noqa: PLC0415
    from services.fraud.training.making import train  # noqa: PLC0415 - scikit-learn is of the extra

    with Progress() as progress:
        payments = asyncio.run(_read(settings, progress))
        if not payments:
            raise end("No payment was judged yet; there is nothing to learn from.", EXIT_BAD_DATA)
        columns = columns_of(payments, quiet=timedelta(days=given.quiet_days))
        if given.save is not None:
            write_history(given.save, columns)
        history = History.of(
            *(columns[name] for name in ("sec", "customer", "terminal", "cents", "scenario")),
            known_second=columns["known_sec"],
        )
        last = int(history.day[-1]) + 1 - given.quiet_days
        schema = train(
            history,
            train_days=(max(int(history.day[0]), last - given.days), max(last, int(history.day[0]) + 1)),
            validate_days=None,
            folder=given.out,
            seed=given.seed,
            at=datetime.now(UTC),
            progress=progress,
        )
    told_training(schema, given.out)


async def _read(settings: Settings, progress: Progress) -> list[PastPayment]:
    database = Database(settings.database_url, pool_size=1, application="fraud-train")
    try:
        return await past_payments(database, lambda count: progress(f"read {count:,} payments"))
    finally:
        await database.close()


def columns_of(payments: Sequence[PastPayment], *, quiet: timedelta) -> "dict[str, Ints | Any]":
    """The columns of a history, payments in order of time; "now" is the newest payment's time."""
    import numpy  # noqa: PLC0415 - no other command of an operator needs it

    now = payments[-1].at
    return {
        "sec": numpy.array([int(payment.at.timestamp()) for payment in payments], numpy.int64),
        "customer": numpy.array([payment.account for payment in payments]),
        "terminal": numpy.array([payment.terminal for payment in payments]),
        "cents": numpy.array([payment.cents for payment in payments], numpy.int64),
        "scenario": numpy.array([payment.scenario(now=now, quiet=quiet) for payment in payments], numpy.int64),
        "known_sec": numpy.array([_known_second(payment) for payment in payments], numpy.int64),
    }


def _known_second(payment: PastPayment) -> int:
    return int((payment.known_at or payment.at).timestamp())


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for FRAUD_SHADOW_MODEL_FOLDER, to try")
    parser.add_argument("--days", type=int, default=180, help="how many days are learnt (default: 180)")
    parser.add_argument(
        "--quiet-days",
        type=int,
        default=45,
        help="a payment that nobody disputed for so long was honest; younger ones are not learnt (default: 45, disputes"
        " take weeks)",
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the payments as `train` takes them")
    parser.add_argument("--seed", type=int, default=1, help="the same seed and data give the same model (default: 1)")


TRAIN_FROM_HISTORY = Command(
    "train a model on this deployment's own payments, with labels from disputes and reviews",
    run=with_clear_ends(_run),
    add_arguments=_arguments,
)
