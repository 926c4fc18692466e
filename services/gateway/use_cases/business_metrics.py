"""GET /metrics: the business's figures, from billing, the accounts and this gateway's own counters."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from services.gateway.domain.business import Sample, document
from services.gateway.service import Gateway
from services.gateway.store import accounts
from shared.contracts import devices, figures
from shared.http_client import SiblingUnavailable

_OK = 200
_DEVICES_SECONDS = 1.0
_COUNTED = ("tollgate_key_attempts", "tollgate_paid_calls", "tollgate_calls_refused", "tollgate_http_requests")


async def business_metrics(gateway: Gateway, prometheus_text: bytes) -> dict[str, object]:
    """The document; `prometheus_text` holds the counters of all processes that share this port."""
    payments, found, count = await asyncio.gather(_payments(gateway), _devices(gateway), _accounts(gateway))
    return document(payments, found, accounts=count, samples=_samples(prometheus_text))


async def _payments(gateway: Gateway) -> figures.PaymentFigures | None:
    try:
        answered = await gateway.billing.get(figures.PATH)
    except SiblingUnavailable:
        return None
    if answered.status_code != _OK:
        return None
    found: figures.PaymentFigures = answered.json()
    return found


async def _devices(gateway: Gateway) -> devices.DeviceStatistics | None:
    try:
        answered = await gateway.fraud.get(devices.STATISTICS, deadline_seconds=_DEVICES_SECONDS)
    except SiblingUnavailable:
        return None
    if answered.status_code != _OK:
        return None
    found: devices.DeviceStatistics = answered.json()
    return found


async def _accounts(gateway: Gateway) -> int:
    async with gateway.database.transaction() as connection:
        return await accounts.count(connection)


def _samples(text: bytes) -> list[Sample]:
    return [
        Sample(sample.name, sample.labels, int(sample.value))
        for family in text_string_to_metric_families(text.decode())
        if family.name.startswith(_COUNTED)
        for sample in family.samples
        if sample.name.endswith("_total")
    ]
