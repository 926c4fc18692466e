"""Usage of a compressed answer, decoded piece by piece as its bytes come: whatever its size, little of it is kept.

Up to 8 MiB decoded are understood as a document; past that, the last usage that flowed past counts. A bomb is decoded
no further: what it had become by then is estimated, since a caller who could have a bomb answered would pay nothing.
"""

from collections.abc import Iterator

from services.gateway.domain.metering.decoding import CannotDecode, Decoder
from services.gateway.domain.metering.documents import tokens_in_document
from services.gateway.domain.metering.passing_usage import PassingUsage
from services.gateway.domain.metering.usage import BYTES_PER_TOKEN, Fault

MOST_WHOLE = 8 * 1024 * 1024
MOST_DECODED = 1 << 30
_SMALL = 64 * 1024 * 1024
_MOST_TIMES = 500
_STEP = 1 << 20


class CodedBody:
    """One body. `decoded_bytes` is what has come of it so far."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._whole: bytearray | None = bytearray()
        self._passing = PassingUsage()
        self._received = 0
        self._stepped = 0
        self._is_broken = False
        self._is_bomb = False
        self.decoded_bytes = 0

    def feed(self, piece: bytes) -> Iterator[None]:
        """Decode a piece; between two steps of a mebibyte decoded, others may be let run."""
        self._received += len(piece)
        if self._is_broken or self._is_bomb:
            return
        try:
            for part in self._decoder.feed(piece):
                self._keep(part)
                if self._is_bomb:
                    return
                if self.decoded_bytes - self._stepped >= _STEP:
                    self._stepped = self.decoded_bytes
                    yield
        except CannotDecode:
            self._is_broken = True

    def _keep(self, part: bytes) -> None:
        self.decoded_bytes += len(part)
        if self._whole is None:
            self._passing.feed(part)
        else:
            self._whole += part
            if len(self._whole) > MOST_WHOLE:
                self._passing.feed(bytes(self._whole))
                self._whole = None
        times = self.decoded_bytes // self._received
        self._is_bomb = self.decoded_bytes > (_SMALL if times > _MOST_TIMES else MOST_DECODED)

    @property
    def tokens(self) -> tuple[int | None, Fault | None]:
        """What the whole body reports, None where nothing sensible was; and why it is to be flagged, if it is."""
        if self._whole is not None:
            return (None, "missing") if self._is_broken else tokens_in_document(bytes(self._whole))
        tokens, fault = self._passing.tokens
        if self._is_bomb:
            return max(tokens or 0, self.decoded_bytes // BYTES_PER_TOKEN), "estimated"
        return tokens, fault
