"""What an operator may turn in fraud."""

from pydantic import Field

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Fraud's own, beside what every service needs."""

    blacklist_record_days: int = Field(
        90, ge=1, le=3_650, description="Days that a removed or expired blacklist entry stays on record."
    )
