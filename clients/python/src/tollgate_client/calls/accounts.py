"""Who one is to the platform: signing in, the account, its API keys."""

from collections.abc import Mapping, Sequence

from tollgate_client import views
from tollgate_client.calls.call import (
    Call,
    Listing,
    delete,
    get,
    json_of,
    make,
    nothing,
    path_part,
    sending,
    without_none,
)


def register(
    *,
    email: str,
    password: str,
    name: str | None = None,
    country: str | None = None,
    device_id: str | None = None,
    idempotency_key: str | None = None,
) -> Call[views.SignedIn]:
    """A new account, and a session of it. `Problem` `email_taken`."""
    body = without_none(email=email, password=password, name=name, country=country, device_id=device_id)
    return make("/api/v1/auth/register", body, idempotency_key)


def login(*, email: str, password: str) -> Call[views.SignedIn]:
    """A session's token. It is used by a client that is made with `session=token`."""
    return Call(sending("POST", "/api/v1/auth/login", {"email": email, "password": password}), json_of)


def logout() -> Call[None]:
    """End the session that the client was made with."""
    return Call(sending("POST", "/api/v1/auth/logout"), nothing)


def account() -> Call[views.Account]:
    """The account whose session it is."""
    return get("/api/v1/account")


def api_keys(*, page_size: int = 100) -> Listing[views.ApiKey]:
    """The account's live keys, never the keys themselves."""
    return Listing("/api/v1/auth/api-keys", page_size)


def create_api_key(
    *,
    name: str,
    scopes: Sequence[str] | None = None,
    expires_at: str | None = None,
    allowed_ips: Sequence[str] | None = None,
    limits: Mapping[str, int] | None = None,
    idempotency_key: str | None = None,
) -> Call[views.CreatedApiKey]:
    """A new key, shown this once. `Problem` `insufficient_credits` below the minimum of a first key."""
    body = without_none(
        name=name, scopes=scopes, expires_at=expires_at, allowed_ips=allowed_ips, limits=limits and dict(limits)
    )
    return make("/api/v1/auth/api-key", body, idempotency_key)


def change_api_key(
    key_id: str,
    *,
    name: str | None = None,
    scopes: Sequence[str] | None = None,
    allowed_ips: Sequence[str] | None = None,
    limits: Mapping[str, int] | None = None,
) -> Call[views.ApiKey]:
    """What is left out stays; limits can only be lowered."""
    body = without_none(name=name, scopes=scopes, allowed_ips=allowed_ips, limits=limits and dict(limits))
    return Call(sending("PATCH", f"/api/v1/auth/api-keys/{path_part(key_id)}", body), json_of)


def rotate_api_key(
    key_id: str, *, overlap_seconds: int = 0, idempotency_key: str | None = None
) -> Call[views.CreatedApiKey]:
    """A successor; the key itself works until the overlap ends."""
    path = f"/api/v1/auth/api-keys/{path_part(key_id)}/rotate"
    return make(path, {"overlap_seconds": overlap_seconds}, idempotency_key)


def revoke_api_key(key_id: str) -> Call[None]:
    """Refused everywhere within a second."""
    return delete(f"/api/v1/auth/api-keys/{path_part(key_id)}")
