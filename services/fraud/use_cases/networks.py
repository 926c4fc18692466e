"""Importing where networks are."""

from typing import TextIO

from services.fraud.domain import networks_csv
from services.fraud.service import Fraud
from services.fraud.store import networks
from shared import audit
from shared.telemetry import logger


async def import_networks(fraud: Fraud, actor: audit.Actor, stream: TextIO) -> int:
    """Replace all networks by those of a CSV, or change nothing; how many there are now. Raises WrongLine,
    ListedTwice."""
    count = await networks.replace_all(fraud.database, networks_csv.read(stream))
    async with fraud.database.transaction() as connection:
        details: dict[str, object] = {"networks": count}
        await audit.write(connection, actor, "networks.imported", "networks", details, at=fraud.clock.now())
    logger.info("networks_imported", networks=count, by=actor.account_id)
    return count
