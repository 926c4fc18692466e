"""Undoing an answer's gzip or deflate, a bounded piece at a time, so that no bomb fills the memory."""

import zlib
from collections.abc import Iterator

_PIECE = 64 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class CannotDecode(Exception):
    """The content is not what its Content-Encoding says."""


class Decoder:
    """Decodes one body. Members of gzip that follow each other are one body."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The decoded content of this piece, in parts of at most 64 KiB."""
        waiting = piece
        while waiting:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                decoded = self._inflate.decompress(waiting, _PIECE)
            except zlib.error as error:
                raise CannotDecode("the content is not what its Content-Encoding says") from error
            waiting = self._inflate.unconsumed_tail or (self._inflate.unused_data if self._inflate.eof else b"")
            if decoded:
                yield decoded

    @property
    def is_complete(self) -> bool:
        return self._inflate.eof


def is_decodable(encoding: bytes) -> bool:
    return encoding.strip().lower() in (b"gzip", b"x-gzip", b"deflate")
