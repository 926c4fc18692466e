"""Personal data in and out of columns (S16): sealed to its account and column, looked up by digests."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.identity_hashes import domain_hash, email_hash, mailbox_hash
from shared.crypto import blind_index, seal, unseal


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

    def mailbox_lookup(self, email: str) -> str:
        """The digest of the mailbox that an address leads to, whichever of its aliases it is."""
        return mailbox_hash(email, self.blind_index_key)

    def session_lookup(self, token_hash: bytes) -> str:
        """What stands for a session where it is spoken of: neither its token nor what it is found by."""
        return blind_index(f"session:{token_hash.hex()}", self.blind_index_key)

    def domain_lookup(self, email: str) -> str:
        return domain_hash(email, self.blind_index_key)
