"""Keys of the test run: drawn once a process, the same for every service in it."""

import base64
import json
import os
from typing import Any

from shared.service_auth import AGENT_HEADER, IP_HEADER, SESSION_HEADER, Caller, Minter, public_key_of

SERVICES = ("gateway", "billing", "licensing", "fraud")
SEEDS = {service: os.urandom(32) for service in SERVICES}
SEAL_KEY = os.urandom(32)
BLIND_INDEX_KEY = os.urandom(32)
IDEMPOTENCY_PEPPER = os.urandom(32)
SEAL_SIGNING_KEY = os.urandom(32)
LICENSE_MASTER_SECRET = os.urandom(32).hex()


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode()


def environment(service: str) -> dict[str, Any]:
    """The settings that hold keys, as the environment would say them."""
    return {
        "service_signing_key": b64(SEEDS[service]),
        "service_public_keys": json.dumps({name: b64(public_key_of(seed)) for name, seed in SEEDS.items()}),
        "seal_keys": json.dumps({"1": b64(SEAL_KEY)}),
        "blind_index_key": b64(BLIND_INDEX_KEY),
        "idempotency_pepper": b64(IDEMPOTENCY_PEPPER),
        **({"seal_signing_key": b64(SEAL_SIGNING_KEY)} if service == "billing" else {}),
        **({"license_master_secret": LICENSE_MASTER_SECRET} if service == "licensing" else {}),
    }


def minter(service: str = "gateway") -> Minter:
    """Signs as that service."""
    return Minter(service, SEEDS[service])


def headers_for(caller: Caller, audience: str) -> dict[str, str]:
    """What the gateway would send `audience` on an account's behalf."""
    return {
        "authorization": f"Bearer {minter().mint(caller, audience)}",
        IP_HEADER: caller.ip or "127.0.0.1",
        **({AGENT_HEADER: caller.user_agent} if caller.user_agent else {}),
        **({SESSION_HEADER: caller.session_hash} if caller.session_hash else {}),
    }


def service_headers(audience: str, issuer: str = "gateway") -> dict[str, str]:
    """What `issuer` would send `audience` for itself."""
    return {"authorization": f"Bearer {minter(issuer).for_service(audience)}"}
