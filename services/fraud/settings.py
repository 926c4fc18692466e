"""What an operator may turn in fraud."""

from pydantic import Field

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Fraud's own, beside what every service needs."""

    blacklist_record_days: int = Field(
        90, ge=1, le=3_650, description="Days that a removed or expired blacklist entry stays on record."
    )
    fraud_case_due_hours: int = Field(
        24, ge=1, le=8_760, description="Hours within which a case is to be decided; past them it is shown as overdue."
    )
    fraud_block_days: int = Field(
        90,
        ge=1,
        le=3_650,
        description="Days that an entry stays on the blacklist which came there by a case, unless the operator says.",
    )
    device_registrations_per_hour: int = Field(
        5, ge=1, le=10**6, description="Devices that one address may register within an hour (U10)."
    )
    device_unclaimed_days: int = Field(
        30, ge=1, le=3_650, description="Days that a device stays on record which no account claims."
    )
