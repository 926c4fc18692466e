"""What every change of a license does: its row, its step, its event, and the caches' news, in one transaction."""

from datetime import datetime

from services.licensing.domain.license import License, status_of
from services.licensing.domain.license_step import Action, Cause, CauseKind
from services.licensing.store import license_steps, licenses
from services.licensing.store.activations import LICENSE_CHANGED
from shared import changes, outbox
from shared.contracts.licenses import LicenseFacts
from shared.db import Connection
from shared.telemetry import logger_of

_logger = logger_of("licenses")


async def begin(connection: Connection, license: License, cause: Cause) -> None:
    """A license that was not there."""
    await licenses.insert(connection, license)
    await _tell(connection, license, Action.ISSUED, cause, at=license.created_at)


async def change(connection: Connection, license: License, action: Action, cause: Cause, *, at: datetime) -> None:
    """One whose row is locked, as it is now."""
    await licenses.save(connection, license, at=at)
    await changes.note(connection, LICENSE_CHANGED, license.id)
    await _tell(connection, license, action, cause, at=at)


async def _tell(connection: Connection, license: License, action: Action, cause: Cause, *, at: datetime) -> None:
    await license_steps.append(connection, license, action, cause, at=at)
    await outbox.publish(connection, f"license.{action.value}", license.id, {**_facts(license, cause, at)}, at=at)
    _logger.info("license_changed", license=license.id, action=action.value, cause=cause.kind.value)


def _facts(license: License, cause: Cause, at: datetime) -> LicenseFacts:
    return {
        "license_id": license.id,
        "account_id": license.account_id,
        "subscription_id": license.subscription_id,
        "status": status_of(license, at).value,
        "expires_at": None if license.expires_at is None else license.expires_at.isoformat(),
        "by": cause.kind.value,
        "reason": license.billing_reason if cause.kind is CauseKind.BILLING else license.admin_reason,
        "at": at.isoformat(),
    }
