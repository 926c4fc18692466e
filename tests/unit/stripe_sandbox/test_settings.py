"""The command line."""

from pathlib import Path

import pytest

from deploy.stripe_sandbox.settings import Settings, read_settings

NEEDED = ["--port", "8200", "--data", "s.sqlite3"]
HOOK = ["--webhook-url", "http://127.0.0.1:1/hook"]


def test_public_address_is_host_and_port_unless_given() -> None:
    assert read_settings(NEEDED).public_url == "http://127.0.0.1:8200"
    assert read_settings([*NEEDED, "--public-url", "http://pay.test/"]).public_url == "http://pay.test"
    assert read_settings(NEEDED).data_file == Path("s.sqlite3")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        HOOK + NEEDED,
        [*NEEDED, *HOOK, "--webhook-secret", "secret"],
        [*NEEDED, *HOOK, "--webhook-secret", "whsec_x,secret"],
        [*NEEDED, "--webhook-url", "ftp://x", "--webhook-secret", "whsec_x"],
        [*NEEDED, "--public-url", "nonsense"],
    ],
)
def test_senseless_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        read_settings(arguments)
    assert refused.value.code == 2


def test_secret_is_not_shown() -> None:
    settings = read_settings([*NEEDED, *HOOK, "--webhook-secret", "whsec_hidden"])
    assert "whsec_hidden" not in repr(settings)


def test_several_secrets_are_all_signed_with() -> None:
    settings = read_settings([*NEEDED, *HOOK, "--webhook-secret", "whsec_old, whsec_new"])
    assert settings.webhook_secrets == ("whsec_old", "whsec_new")
    assert Settings(data_file=Path("s"), public_url="http://x").webhook_secrets == ()
