"""Session tokens and the tokens that go out by mail: 32 random bytes, of which only the SHA-256 is kept."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from services.gateway.domain.account import Identity

SESSION_PREFIX = "tgs_"
TOKEN_BYTES = 32
_SESSION_SHAPE = re.compile(r"tgs_[A-Za-z0-9_-]{43}", re.ASCII)
_MAILED_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session:
    """A live session and whose it is."""

    token_hash: bytes
    identity: Identity
    expires_at: datetime


def session_token(secret: bytes) -> str:
    return SESSION_PREFIX + mailed_token(secret)


def mailed_token(secret: bytes) -> str:
    """43 url-safe characters."""
    assert len(secret) == TOKEN_BYTES
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def is_session_token(text: str) -> bool:
    return _SESSION_SHAPE.fullmatch(text) is not None


def is_mailed_token(text: str) -> bool:
    return _MAILED_SHAPE.fullmatch(text) is not None


def token_hash(token: str) -> bytes:
    """What a token is found by."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
