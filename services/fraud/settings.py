"""What an operator may turn in fraud."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from services.fraud.domain.score import Limits
from shared.settings import ServiceSettings

PATIENCE_MS = {"production": 3}
PATIENCE_ELSEWHERE_MS = 250
"""A laptop that runs everything may take long for a moment."""


def _words(value: object) -> object:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


class Settings(ServiceSettings):
    """Fraud's own, beside what every service needs."""

    fraud_review_score: int = Field(70, ge=1, le=100, description="From this score on a payment is held for review.")
    fraud_block_score: int = Field(85, ge=1, le=100, description="From this score on a payment is blocked.")
    fraud_case_from_minor: int = Field(
        100_000, ge=1, description="From so many US cents on a payment opens a case, whatever its score; it goes on."
    )
    fraud_features_timeout_ms: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Milliseconds that a judgement waits for Redis; past them it goes without the counters. Unset: 3 in"
        " production, 250 elsewhere.",
    )
    fraud_disposable_domains: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = Field(
        (), description="Domains, by commas, that give mailboxes away for minutes, beside those that are known anyway."
    )
    fraud_address_days: int = Field(
        180, ge=1, le=3_650, description="Days after which it is forgotten that an account paid from an address."
    )
    fraud_model_folder: Path | None = Field(
        None, description="The folder of the model that judges, as `train` writes it. Unset: the one that is shipped."
    )
    fraud_shadow_model_folder: Path | None = Field(
        None, description="The folder of a model whose word is written down with each payment, and decides nothing."
    )

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

    @property
    def features_timeout_ms(self) -> int:
        """How long a judgement waits for the counters."""
        return self.fraud_features_timeout_ms or PATIENCE_MS.get(self.environment, PATIENCE_ELSEWHERE_MS)

    @property
    def score_limits(self) -> Limits:
        """From which scores a payment is held and blocked."""
        return Limits(100 * self.fraud_review_score, 100 * self.fraud_block_score)

    @model_validator(mode="after")
    def _blocking_comes_after_holding(self) -> Self:
        if self.fraud_block_score < self.fraud_review_score:
            raise ValueError("FRAUD_BLOCK_SCORE: is under FRAUD_REVIEW_SCORE; nothing could be held for review")
        return self
