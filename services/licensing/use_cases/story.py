"""What stands in the log's stream of licenses (L13) beside their changes: seats taken and given back, leases lost,
files made, and what was refused. Licenses and activations go by their ids; a key never stands there.

Anybody may have a refusal written, so a process writes at most so many a minute; the rest is counted, and the count
written when the next one is, or when the process ends.
"""

import time
from collections.abc import Callable, Collection

from services.licensing.domain.activation import Activation
from services.licensing.domain.license import License
from services.licensing.domain.verdict import Code
from shared.crypto import blind_index
from shared.telemetry import logger_of

MOST_A_MINUTE = 60
_MINUTE_SECONDS = 60.0
_PREFIX = 12

_logger = logger_of("licenses")


def tell_begun(activation: Activation) -> None:
    """A seat was taken; `follows` is whose it was."""
    _logger.info(
        "activation_began", license=activation.license_id, activation=activation.id, follows=activation.follows
    )


def tell_ended(activation: Activation) -> None:
    """A seat was given back, or taken away."""
    assert activation.ending is not None
    _logger.info(
        "activation_ended",
        license=activation.license_id,
        activation=activation.id,
        ending=activation.ending.value,
    )


def tell_lost(license: License, activation_ids: Collection[str]) -> None:
    """Leases that ended without a heartbeat, as they are noticed."""
    for activation_id in activation_ids:
        _logger.info("activation_ended", license=license.id, activation=activation_id, ending="lease_over")


def tell_file(license_id: str, *, activation_id: str, sequence: int) -> None:
    """A license file was made."""
    _logger.info("license_file_made", license=license_id, activation=activation_id, sequence=sequence)


class Refusals:
    """One a process. `digest_key` is for keys that open no license: of these a prefix of a keyed digest is told."""

    def __init__(self, digest_key: bytes, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._digest_key = digest_key
        self._seconds = seconds
        self._minute_ends = 0.0
        self._told = 0
        self._untold = 0

    def tell(self, asked: str, code: Code | str, license: License | None, license_key: str) -> None:
        """`asked` was refused with the code."""
        now = self._seconds()
        if now >= self._minute_ends:
            self.close()
            self._minute_ends, self._told = now + _MINUTE_SECONDS, 0
        if self._told >= MOST_A_MINUTE:
            self._untold += 1
            return
        self._told += 1
        whose = {"license": license.id} if license else {"key_digest": self._digest_of(license_key)}
        _logger.info("license_refused", asked=asked, code=str(code), **whose)

    def close(self) -> None:
        """Say how many were not told."""
        if self._untold:
            _logger.warning("license_refusals_untold", count=self._untold)
        self._untold = 0

    def _digest_of(self, license_key: str) -> str:
        return blind_index(license_key, self._digest_key)[:_PREFIX]
