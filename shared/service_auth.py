"""Who is asking, inside: short-lived Ed25519 tokens (RFC 8037 JWTs) that one service mints for another.

The gateway mints one for each account and audience and caches it; services refuse anything without one, and accept
only EdDSA, their own name as audience, and an issuer whose key a setting gives.
"""

import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.requests import Request

from shared.errors import DomainError
from shared.problems import refuses

TTL_SECONDS = 60
LEEWAY_SECONDS = 5
_MINTED_KEPT = 10_000
_VERIFIED_KEPT = 4_096
_ALGORITHM = "EdDSA"

Role = Literal["customer", "operator", "service"]
Tier = Literal["new", "verified", "enterprise"]


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is made. For a service's own call `account_id` is the service's name.

    `credit_limit_minor` (US cents for a rolling 24 h) overrides the tier's. The hashes are blind indexes of the
    account's address; `mailbox_hash` is of the mailbox behind it, without aliases, and None where it is not known yet.
    `ip`, `user_agent` and `session_hash` (a digest that stands for the session, of which nothing else is told) are of
    the request, as the gateway judged it; they travel in headers beside the token.
    """

    account_id: str
    role: Role
    tier: Tier = "new"
    status: Literal["active", "suspended"] = "active"
    credit_limit_minor: int | None = None
    email_hash: str | None = None
    domain_hash: str | None = None
    scopes: tuple[str, ...] = ()
    mailbox_hash: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    session_hash: str | None = None

    def of_any_request(self) -> "Caller":
        """The same without what is one request's own: what a token says, and is cached by."""
        if self.ip is None and self.user_agent is None and self.session_hash is None:
            return self
        return replace(self, ip=None, user_agent=None, session_hash=None)


IP_HEADER = "x-tollgate-caller-ip"
AGENT_HEADER = "x-tollgate-user-agent"
SESSION_HEADER = "x-tollgate-session"


class Minter:
    """Mints this service's tokens, one for each caller and audience until shortly before it ends."""

    def __init__(self, issuer: str, seed: bytes) -> None:
        self._issuer = issuer
        self._itself = Caller(issuer, "service")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._minted: dict[tuple[Caller, str], tuple[float, str]] = {}

    def mint(self, caller: Caller, audience: str) -> str:
        """A token for `caller` at `audience`."""
        caller = caller.of_any_request()
        known = self._minted.get((caller, audience))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if len(self._minted) >= _MINTED_KEPT:
            self._minted.clear()
        token = self._sign(caller, audience)
        self._minted[caller, audience] = (time.monotonic() + TTL_SECONDS / 2, token)
        return token

    def for_service(self, audience: str) -> str:
        """A token for this service's own calls."""
        return self.mint(self._itself, audience)

    def _sign(self, caller: Caller, audience: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": audience,
            "sub": caller.account_id,
            "iat": now,
            "exp": now + TTL_SECONDS,
            "role": caller.role,
            "tier": caller.tier,
            "status": caller.status,
            "credit_limit_minor": caller.credit_limit_minor,
            "email_hash": caller.email_hash,
            "domain_hash": caller.domain_hash,
            "scopes": list(caller.scopes),
            "mailbox_hash": caller.mailbox_hash,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)


class Verifier:
    """Checks tokens that are addressed to this service."""

    def __init__(self, audience: str, public_keys: dict[str, bytes]) -> None:
        self._audience = audience
        self._verified: dict[str, tuple[float, Caller]] = {}
        self._keys = {issuer: Ed25519PublicKey.from_public_bytes(key) for issuer, key in public_keys.items()}

    def verify(self, token: str) -> Caller:
        """Whom the token speaks for, or DomainError `unauthenticated`. One that was verified is known until it ends."""
        known = self._verified.get(token)
        if known is not None and time.time() < known[0]:
            return known[1]
        ends_at, caller = self._checked(token)
        if len(self._verified) >= _VERIFIED_KEPT:
            self._verified.clear()
        self._verified[token] = (ends_at, caller)
        return caller

    def _checked(self, token: str) -> tuple[float, Caller]:
        """When the token ends, and whom it speaks for."""
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
            key = self._keys[issuer]
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss", "sub"]},
            )
            return float(claims["exp"]) + LEEWAY_SECONDS, _caller(claims)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise refused() from error


def refused() -> DomainError:
    return DomainError("unauthenticated", "A signed service token is needed.", headers={"WWW-Authenticate": "Bearer"})


def _caller(claims: dict[str, Any]) -> Caller:
    if claims["role"] == "service" and claims["sub"] != claims["iss"]:
        raise ValueError("a service speaks for itself only")
    if claims["role"] != "service" and claims["iss"] != "gateway":
        raise ValueError("only the gateway speaks for accounts")
    return Caller(
        account_id=claims["sub"],
        role=claims["role"],
        tier=claims["tier"],
        status=claims["status"],
        credit_limit_minor=claims["credit_limit_minor"],
        email_hash=claims["email_hash"],
        domain_hash=claims["domain_hash"],
        scopes=tuple(claims["scopes"]),
        mailbox_hash=claims.get("mailbox_hash"),  # a gateway of the version before says none
    )


def public_key_of(seed: bytes) -> bytes:
    """The 32 bytes that siblings verify with."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _bearer(request: Request) -> str:
    values = request.headers.getlist("authorization")
    scheme, _, token = (values[0] if len(values) == 1 else "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise refused()
    return token


@refuses("unauthenticated", "session_required")
async def caller_required(request: Request) -> None:
    """Guard: an account's call, forwarded by the gateway. Leaves `request.state.caller`.
    Needs `app.state.verifier`."""
    caller: Caller = request.app.state.verifier.verify(_bearer(request))
    if caller.role == "service":
        raise refused()
    headers = request.headers
    request.state.caller = replace(
        caller,
        ip=headers.get(IP_HEADER),
        user_agent=headers.get(AGENT_HEADER),
        session_hash=headers.get(SESSION_HEADER),
    )


@refuses("unauthenticated", "session_required", "forbidden")
async def operator_required(request: Request) -> None:
    """Guard: an operator's call."""
    await caller_required(request)
    if request.state.caller.role != "operator":
        raise DomainError("forbidden", "Only operators may do this.")


async def service_required(request: Request) -> None:
    """Guard: a sibling's own call."""
    caller: Caller = request.app.state.verifier.verify(_bearer(request))
    if caller.role != "service":
        raise refused()
    request.state.caller = caller
