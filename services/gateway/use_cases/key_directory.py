"""Which key a caller presents, for the use cases of paid calls."""

from services.gateway.domain.key_record import KeyRecord
from services.gateway.store.key_directory import KeyDirectory

__all__ = ["KeyDirectory", "KeyRecord"]
