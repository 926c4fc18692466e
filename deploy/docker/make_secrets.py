"""Draws the secrets of a production machine into files, once; what is there already is left alone.

    python -m deploy.docker.make_secrets [--into deploy/docker/secrets]

    secrets/<service>/<SETTING>    read by that service alone, as /run/secrets/<SETTING>
    secrets/postgres/password      the schemas' owner
    secrets/redis/redis.conf       Redis's password, as Redis reads it; `password` beside it is for its health check
    secrets/migrate/...            what the migration needs: the owner's address

Files are readable by all and stand in a folder that only its owner may enter: a container's user is none of the
host's, and sees only the folder that is mounted for it. Keep a copy elsewhere: without `SEAL_KEYS` and
`BLIND_INDEX_KEY` the database's personal data can't be read; without `LICENSE_MASTER_SECRET` no license key is good.
"""

import argparse
import base64
import json
import secrets
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SERVICES = ("gateway", "billing", "licensing", "fraud")
DATABASE = "tollgate"
OWNER = "tollgate_owner"
KEY_BYTES = 32


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.docker.make_secrets", description=__doc__)
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "secrets")
    folder = parser.parse_args().into
    made = make_secrets(folder)
    sys.stdout.write(f"{made} secrets made in {folder}; those that were there are as they were.\n")


def make_secrets(folder: Path) -> int:
    """Write every secret that lacks; how many were written."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    vault = _Vault(folder)
    owner = vault.keep("postgres/password", secrets.token_hex(24))
    redis = vault.keep("redis/password", secrets.token_hex(24))
    vault.keep("redis/redis.conf", f"requirepass {redis}\n")
    vault.keep("migrate/DATABASE_OWNER_URL", f"postgresql://{OWNER}:{owner}@postgres:5432/{DATABASE}")
    seeds = {service: vault.keep(f"{service}/SERVICE_SIGNING_KEY", _key()) for service in SERVICES}
    public = json.dumps({service: _public_key(seed) for service, seed in seeds.items()})
    blind_index_key = vault.keep("gateway/BLIND_INDEX_KEY", _key())
    for service in SERVICES:
        role = f"{DATABASE}_{service}"
        password = secrets.token_hex(24)
        vault.keep(f"{service}/DATABASE_URL", f"postgresql://{role}:{password}@postgres:5432/{DATABASE}")
        vault.keep(f"{service}/REDIS_URL", f"redis://:{redis}@redis:6379/0")
        vault.keep(f"{service}/SERVICE_PUBLIC_KEYS", public)
        vault.keep(f"{service}/SEAL_KEYS", json.dumps({"1": _key()}))
        vault.keep(f"{service}/BLIND_INDEX_KEY", blind_index_key)
        vault.keep(f"{service}/IDEMPOTENCY_PEPPER", _key())
    vault.keep("billing/SEAL_SIGNING_KEY", _key())
    vault.keep("licensing/LICENSE_MASTER_SECRET", secrets.token_urlsafe(2 * KEY_BYTES))
    vault.keep("gateway/METRICS_TOKEN", secrets.token_urlsafe(KEY_BYTES))
    return vault.made


class _Vault:
    """A folder of secrets that are written once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.made = 0

    def keep(self, name: str, value: str) -> str:
        """The secret of that name: the one that is kept, else `value`, from now on."""
        file = self._folder / name
        if file.exists():
            return file.read_text().rstrip("\n")
        file.parent.mkdir(mode=0o755, exist_ok=True)
        file.write_text(value)
        file.chmod(0o444)
        self.made += 1
        return value


def _key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _public_key(seed: str) -> str:
    private = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(seed))
    return base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).decode()


if __name__ == "__main__":
    main()
