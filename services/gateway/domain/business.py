"""The business's figures as one document (C9, U5): purchases, revenue by user, keys, calls and how requests fare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.contracts.devices import DeviceStatistics
from shared.contracts.figures import PaymentFigures
from shared.money import Money


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of a metric: its name, labels and value."""

    name: str
    labels: Mapping[str, str]
    value: int


def document(
    payments: PaymentFigures | None, devices: DeviceStatistics | None, *, accounts: int, samples: Sequence[Sample]
) -> dict[str, object]:
    """`purchases` and `revenue` are of the last days and null while billing is away, `devices` are those on record and
    null while fraud is; the rest counts since this gateway started."""
    return {
        "accounts": accounts,
        "purchases": None if payments is None else _purchases(payments),
        "revenue": None if payments is None else _revenue(payments, accounts),
        "devices": devices,
        "keys": _by(samples, "tollgate_key_attempts_total", "result"),
        "calls": {
            "by_outcome": _by(samples, "tollgate_paid_calls_total", "outcome"),
            "refused": _by(samples, "tollgate_paid_calls_refused_total", "code"),
            "refused_for_credit": _sum(samples, "tollgate_calls_refused_for_credit_total"),
        },
        "requests": _requests(samples),
    }


def _purchases(payments: PaymentFigures) -> dict[str, object]:
    begun, paid = payments["begun"], payments["paid"]
    return {
        "period_days": payments["period_days"],
        "begun": begun,
        "paid": paid,
        "conversion": _ratio(paid, begun),
        "by_status": payments["by_status"],
    }


def _revenue(payments: PaymentFigures, accounts: int) -> dict[str, object]:
    net, paying = payments["net_usd_minor"], payments["paying_accounts"]
    return {
        "period_days": payments["period_days"],
        "gross": _usd(payments["gross_usd_minor"]),
        "refunded": _usd(payments["refunded_usd_minor"]),
        "disputed": _usd(payments["disputed_usd_minor"]),
        "net": _usd(net),
        "paying_accounts": paying,
        "per_paying_account": _usd(net // paying) if paying else None,
        "per_account": _usd(net // accounts) if accounts else None,
    }


def _requests(samples: Sequence[Sample]) -> dict[str, object]:
    by_status = _by(samples, "tollgate_http_requests_total", "status")
    total, failed = sum(by_status.values()), sum(count for status, count in by_status.items() if status >= "500")
    return {"total": total, "by_status": by_status, "failed": failed, "error_rate": _ratio(failed, total)}


def _by(samples: Sequence[Sample], name: str, label: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for sample in samples:
        if sample.name == name:
            counts[sample.labels[label]] = counts.get(sample.labels[label], 0) + sample.value
    return counts


def _sum(samples: Sequence[Sample], name: str) -> int:
    return sum(sample.value for sample in samples if sample.name == name)


def _ratio(part: int, whole: int) -> str | None:
    """With four decimals, rounded down; None of nothing."""
    if not whole:
        return None
    ones, rest = divmod(part * 10_000 // whole, 10_000)
    return f"{ones}.{rest:04d}"


def _usd(minor: int) -> dict[str, object]:
    return Money(minor, "usd").as_json()
