"""The account's licenses, as their owner sees them: keys, seats, files. A server that bears a license asks through
`LicenseClient`."""

from tollgate_client import views
from tollgate_client.calls.call import Call, Listing, delete, get, make, path_part, without_none


def licenses(*, page_size: int = 100) -> Listing[views.License]:
    """The account's own."""
    return Listing("/api/v1/licenses", page_size)


def license(license_id: str) -> Call[views.LicenseKey]:
    """With its key."""
    return get(f"/api/v1/licenses/{path_part(license_id)}")


def explain_license(license_id: str, *, server_id: str | None = None) -> Call[views.Explanation]:
    """Why it is valid or isn't, step by step, and what became of it."""
    return get(f"/api/v1/licenses/{path_part(license_id)}/explain", server_id=server_id)


def rotate_license_key(
    license_id: str, *, overlap_seconds: int = 0, idempotency_key: str | None = None
) -> Call[views.LicenseKey]:
    """A new key, for one that leaked; the old one works until the overlap ends."""
    path = f"/api/v1/licenses/{path_part(license_id)}/rotate"
    return make(path, {"overlap_seconds": overlap_seconds}, idempotency_key)


def license_activations(license_id: str, *, page_size: int = 100) -> Listing[views.Activation]:
    """Who holds its seats, and who did."""
    return Listing(f"/api/v1/licenses/{path_part(license_id)}/activations", page_size)


def end_license_activation(license_id: str, activation_id: str) -> Call[None]:
    """Free the seat of a server that can't give it back itself."""
    path = f"/api/v1/licenses/{path_part(license_id)}/activations/{path_part(activation_id)}"
    return delete(path)


def license_file(
    license_id: str,
    *,
    server_id: str,
    ttl_seconds: int | None = None,
    encrypted: bool | None = None,
    idempotency_key: str | None = None,
) -> Call[views.LicenseFileAnswer]:
    """A file that proves the license to `server_id` without network."""
    body = without_none(server_id=server_id, ttl_seconds=ttl_seconds, encrypted=encrypted)
    return make(f"/api/v1/licenses/{path_part(license_id)}/file", body, idempotency_key)


def license_public_keys() -> Call[views.PublicKeys]:
    """The keys that sign license files and verdicts. To pin them, get them once by a way that you trust, and ship them
    with your program: got anew at each start they prove nothing that TLS doesn't."""
    return get("/api/v1/licenses/public-keys")
