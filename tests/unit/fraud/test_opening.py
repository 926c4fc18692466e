"""What fraud refuses to begin with."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.fraud.model.model import DEFAULT_FOLDER
from services.fraud.model.schema import MODEL_FILE, ModelMismatch
from services.fraud.service import open_service
from services.fraud.settings import Settings
from tests.support import keys


def settings(**given: Any) -> Settings:
    """What is needed to get as far as the models."""
    return Settings.model_construct(**{"fraud_model_folder": None, "fraud_shadow_model_folder": None, **given})


@pytest.mark.parametrize("which", ["fraud_model_folder", "fraud_shadow_model_folder"])
async def test_a_folder_without_a_model_that_fits_is_refused_at_start(which: str, tmp_path: Path) -> None:
    with pytest.raises(ModelMismatch, match="holds no model"):
        async with open_service(settings(**{which: tmp_path})):
            pass


async def test_a_model_that_was_changed_is_refused_at_start(tmp_path: Path) -> None:
    shutil.copytree(DEFAULT_FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / MODEL_FILE).write_bytes((tmp_path / MODEL_FILE).read_bytes() + b" ")
    with pytest.raises(ModelMismatch):
        async with open_service(settings(fraud_model_folder=tmp_path)):
            pass


def test_blocking_under_holding_is_no_setting() -> None:
    urls: dict[str, Any] = {"database_url": "postgresql://role@127.0.0.1/none", "redis_url": "redis://127.0.0.1/0"}
    scores: dict[str, Any] = {"fraud_review_score": 70, "fraud_block_score": 69}
    with pytest.raises(ValidationError, match="FRAUD_BLOCK_SCORE"):
        Settings(**urls, **scores, **keys.environment("fraud"))


@pytest.mark.parametrize(("environment", "patience"), [("production", 3), ("local", 250), ("test", 250)])
def test_judgements_wait_for_redis_as_long_as_the_place_allows(environment: str, patience: int) -> None:
    assert settings(environment=environment, fraud_features_timeout_ms=None).features_timeout_ms == patience
    assert settings(environment=environment, fraud_features_timeout_ms=7).features_timeout_ms == 7
