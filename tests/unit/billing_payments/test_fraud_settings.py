"""How long a payment waits for fraud, and what may go on without."""

import pytest

from services.billing.settings import Settings, Tier


def settings(**said: object) -> Settings:
    return Settings.model_construct(**said)


@pytest.mark.parametrize(("environment", "seconds"), [("production", 0.05), ("local", 1.0), ("test", 1.0)])
def test_fraud_has_50_ms_in_production_and_a_second_elsewhere(environment: str, seconds: float) -> None:
    assert settings(environment=environment).fraud_timeout_seconds == seconds
    assert settings(environment=environment, fraud_timeout_ms=20).fraud_timeout_seconds == 0.02


@pytest.mark.parametrize(("tier", "limit_minor"), [("new", 1_000), ("verified", 10_000), ("enterprise", 10_000)])
def test_floor_without_fraud_is_the_tiers_then_everybodys_then_the_limit(tier: Tier, limit_minor: int) -> None:
    own: dict[str, object] = {f"fraud_away_floor_{tier}_minor": 0}
    assert settings().fraud_away_floor(tier, None) == limit_minor
    assert settings().fraud_away_floor(tier, 77) == 77
    assert settings(fraud_away_floor_minor=600).fraud_away_floor(tier, 77) == 600
    assert settings(fraud_away_floor_minor=600, **own).fraud_away_floor(tier, 77) == 0
