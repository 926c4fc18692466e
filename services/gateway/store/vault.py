"""Personal data in and out of columns (S16): sealed to its account and column, looked up by digests."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.identity_hashes import domain_hash, email_hash
from shared.crypto import seal, unseal


@dataclass(frozen=True, repr=False)
class Vault:
    """The keys that seal and index. It has no repr."""

    seal_keys: Mapping[int, bytes]
    blind_index_key: bytes

    def seal(self, text: str, *, column: str, owner: str) -> bytes:
        """Sealed for one column (`accounts.email`) of one owner's row."""
        return seal(text.encode(), self.seal_keys, f"gateway.{column}:{owner}")

    def unseal(self, sealed: bytes, *, column: str, owner: str) -> str:
        return unseal(bytes(sealed), self.seal_keys, f"gateway.{column}:{owner}").decode()

    def email_lookup(self, email: str) -> str:
        """The digest by which an address is found, whatever its letter case."""
        return email_hash(email, self.blind_index_key)

    def domain_lookup(self, email: str) -> str:
        return domain_hash(email, self.blind_index_key)
