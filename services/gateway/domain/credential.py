"""The one credential of a request, wherever it is asked for: `Authorization: Bearer` or `X-API-Key`."""

from collections.abc import Sequence

from shared.errors import DomainError


def presented_credential(authorization: Sequence[str], api_key: Sequence[str]) -> str | None:
    """The one credential among the two headers' values, or None. Two are ambiguous; an empty one, and a scheme that is
    not Bearer, is none."""
    if len(authorization) + len(api_key) > 1:
        raise DomainError(
            "ambiguous_credentials", "Send one credential: one Authorization or one X-API-Key header, not both."
        )
    if api_key:
        return api_key[0].strip() or None
    if not authorization:
        return None
    scheme, _, credential = authorization[0].strip().partition(" ")
    return credential.strip() or None if scheme.lower() == "bearer" else None
