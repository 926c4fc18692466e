"""What the container image does before a service begins."""

from pathlib import Path

import pytest

from deploy.docker import entrypoint, healthcheck, make_secrets, runtime_lock


def test_secret_files_become_settings(tmp_path: Path) -> None:
    (tmp_path / "REDIS_URL").write_text("redis://x\n")
    (tmp_path / "SEAL_KEYS").write_text('{"1": "k"}')
    (tmp_path / "folder").mkdir()
    variables = entrypoint.environment(tmp_path, {"LOG_LEVEL": "info", "REDIS_URL": ""})
    assert variables == {"LOG_LEVEL": "info", "REDIS_URL": "redis://x", "SEAL_KEYS": '{"1": "k"}'}


def test_without_secret_files_the_environment_is_all(tmp_path: Path) -> None:
    assert entrypoint.environment(tmp_path / "none", {"A": "b"}) == {"A": "b"}


def test_setting_given_twice_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "REDIS_URL").write_text("redis://secret")
    with pytest.raises(SystemExit) as end:
        entrypoint.environment(tmp_path, {"REDIS_URL": "redis://other"})
    said = capsys.readouterr().err
    assert end.value.code == 78 and "REDIS_URL" in said and "redis://" not in said


@pytest.mark.parametrize("arguments", [[], ["help"], ["portal", "serve"], ["migrate", "now"]])
def test_unknown_command_is_told_what_there_is(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        entrypoint.main(arguments)
    assert end.value.code == 64 and "gateway" in capsys.readouterr().err


def test_health_is_asked_for_under_the_public_host() -> None:
    assert healthcheck.host("https://api.example.com") == "api.example.com"
    assert healthcheck.host("") == "localhost"
    assert healthcheck.main(1) == 1


def test_secrets_are_made_once_and_fit_together(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert make_secrets.make_secrets(folder) > 0
    before = {file: file.read_text() for file in folder.rglob("*") if file.is_file()}
    assert make_secrets.make_secrets(folder) == 0
    assert {file: file.read_text() for file in folder.rglob("*") if file.is_file()} == before
    assert folder.stat().st_mode & 0o777 == 0o700
    password = (folder / "redis/password").read_text()
    assert (folder / "redis/redis.conf").read_text() == f"requirepass {password}\n"
    for service in make_secrets.SERVICES:
        assert password in (folder / service / "REDIS_URL").read_text()
    owner = (folder / "postgres/password").read_text()
    assert owner in (folder / "migrate/DATABASE_OWNER_URL").read_text()


def test_services_share_the_blind_index_key_and_no_other(tmp_path: Path) -> None:
    make_secrets.make_secrets(tmp_path)
    for name in ("BLIND_INDEX_KEY", "SERVICE_PUBLIC_KEYS"):
        assert len({(tmp_path / service / name).read_text() for service in make_secrets.SERVICES}) == 1
    for name in ("SERVICE_SIGNING_KEY", "SEAL_KEYS", "IDEMPOTENCY_PEPPER", "DATABASE_URL"):
        assert len({(tmp_path / service / name).read_text() for service in make_secrets.SERVICES}) == 4


@pytest.mark.parametrize("service", make_secrets.SERVICES)
def test_made_secrets_are_settings_that_load(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module

    make_secrets.make_secrets(tmp_path)
    for name, value in entrypoint.environment(tmp_path / service, {}).items():
        monkeypatch.setenv(name, value)
    settings = import_module(f"services.{service}.settings").Settings()
    assert settings.database_url.endswith("@postgres:5432/tollgate")
    assert set(settings.service_public_keys) == set(make_secrets.SERVICES)


def test_selection_of_the_lock_follows_needs_extras_and_markers() -> None:
    needs = {
        "app": ["base>=1", "tool; extra == 'dev'"],
        "base": ["deep[more]", "elsewhere; sys_platform == 'nowhere'"],
        "deep": ["extra-thing; extra == 'more'"],
        "extra-thing": [],
    }
    names = runtime_lock.closure(["App"], lambda name: needs[name])
    assert names == {"app", "base", "deep", "extra-thing"}
    lock = "app==1 \\\n    --hash=sha256:a\nbase==1 \\\n    --hash=sha256:b\ntool==1 \\\n    --hash=sha256:t\n"
    assert "tool" not in runtime_lock.selection(lock, {"app", "base"})
    assert runtime_lock.selection(lock, {"app"}) == "app==1 \\\n    --hash=sha256:a\n"
    with pytest.raises(SystemExit, match="lacks unknown"):
        runtime_lock.selection(lock, {"unknown"})
