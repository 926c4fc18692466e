"""Which content codings a metered route's upstream may answer in: those that can be undone to read the usage."""

from collections.abc import Sequence


def readable_encodings(values: Sequence[bytes], *, is_stream: bool) -> bytes:
    """The `Accept-Encoding` that goes upstream for these values of the caller's.

    A stream is asked for plain: an event of it may have to be taken out.
    """
    if is_stream:
        return b"identity"
    codings = [coding.strip().lower() for value in values for coding in value.split(b",")]
    accepted = {name.strip() for name, _, weight in (one.partition(b";") for one in codings) if not _is_zero(weight)}
    return b"gzip" if accepted & {b"gzip", b"x-gzip", b"*"} else b"identity"


def _is_zero(weight: bytes) -> bool:
    name, _, value = weight.strip().partition(b"=")
    return name.strip() == b"q" and value.strip().rstrip(b"0").rstrip(b".") in (b"", b"0")
