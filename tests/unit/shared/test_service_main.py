"""What a service's own command says at a terminal."""

import argparse
from collections.abc import Callable

import pytest

from services.licensing.settings import Settings
from shared.service_main import Command, CommandLine, run
from shared.telemetry import configure_logging, logger
from tests.support import keys

ADDRESSES = {"database_url": "postgresql://t@127.0.0.1/t", "redis_url": "redis://127.0.0.1"}


def tell(_settings: Settings, _given: argparse.Namespace) -> None:
    logger.info("on_the_way")
    logger.warning("went_wrong")
    print("the answer")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[str, list[bool]]]:
    for name, value in {**ADDRESSES, **keys.environment("licensing")}.items():
        monkeypatch.setenv(name.upper(), str(value))

    def told() -> tuple[str, list[bool]]:
        unused: Callable[..., None] = lambda *_: None  # noqa: E731 - a command of its own needs none of them
        run(
            "licensing",
            settings=Settings,
            create_app=unused,  # type: ignore[arg-type]
            open_service=unused,  # type: ignore[arg-type]
            loops=unused,  # type: ignore[arg-type]
            commands={"tell": Command("Tell", tell)},
            line=CommandLine("tollgate licenses", ["tell"]),
        )
        said = capsys.readouterr()
        configure_logging("tests", "warning")
        return said.out, [event in said.err for event in ("on_the_way", "went_wrong")]

    return told


def test_a_command_tells_its_answer_and_what_went_wrong(
    told: Callable[[], tuple[str, list[bool]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    assert told() == ("the answer\n", [False, True])
    monkeypatch.setenv("LOG_LEVEL", "info")
    assert told() == ("the answer\n", [True, True])
