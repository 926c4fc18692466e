"""What a fresh installation needs before anybody comes: the first operator and the first routes. Safe to repeat."""

from services.gateway.service import Gateway
from services.gateway.use_cases.operators import ensure_operator
from services.gateway.use_cases.seed_routes import seed as seed_routes
from shared.telemetry import logger


async def seed(gateway: Gateway) -> None:
    """Make what lacks, from the settings."""
    settings = gateway.settings
    if settings.operator_email:
        password = settings.operator_password.get_secret_value()
        account = await ensure_operator(gateway, email=settings.operator_email, password=password)
        logger.info("operator_ready", account_id=account.identity.account_id)
    for done in await seed_routes(gateway):
        logger.info("seeded", done=done)
