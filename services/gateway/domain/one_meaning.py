"""A request means one thing, or is refused: nothing that two readers of it could take in two ways goes on.

Paths are judged as they were sent, before anything is decoded; `;` and double encoding (`%252e`) are one meaning, and
pass. Sources: RFC 9110 section 7.2, RFC 9112 section 6.1, RFC 3986 section 6.2.2.
"""

from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

from shared.errors import DomainError

Headers = Sequence[tuple[bytes, bytes]]

LONGEST_PATH = 8_192
LONGEST_QUERY = 16_384
LARGEST_HEAD = 65_536
MOST_HEADERS = 200

_PLAIN_PATH = b"/!$&'()*+,;=:@-._~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_HIDDEN = (b"%2f", b"%5c", b"%00")
_ONCE = frozenset({b"host", b"content-length", b"content-type", b"transfer-encoding", b"content-encoding", b"expect"})
_NOT_SERVED = frozenset({"TRACE", "CONNECT"})
_HEX = frozenset(b"0123456789abcdefABCDEF")
_SPACE, _DELETE, _BACKSLASH, _PERCENT = 0x20, 0x7F, 0x5C, 0x25


def judge_request(
    method: str,
    http_version: str,
    raw_path: bytes,
    query: bytes,
    headers: Headers,
    *,
    known: Mapping[bytes, bytes],
) -> None:
    """All of it but the host. Most requests are plain: they are waved through by a few questions that are cheap.
    `known` is `dict(headers)`."""
    if not is_plain(method, http_version, raw_path, query, headers, known=known):
        judge_head(raw_path, query, headers)
        judge_exchange(method, http_version, headers)


def is_plain(
    method: str,
    http_version: str,
    raw_path: bytes,
    query: bytes,
    headers: Headers,
    *,
    known: Mapping[bytes, bytes],
) -> bool:
    """Whether no rule below can refuse the request: no name twice, nothing encoded, no segment that begins with a dot.
    False says nothing. `known` is `dict(headers)`."""
    coding = known.get(b"transfer-encoding")
    return (
        len(known) == len(headers) <= MOST_HEADERS
        and (coding is None or (coding == b"chunked" and http_version == "1.1" and b"content-length" not in known))
        and method not in _NOT_SERVED
        and len(raw_path) <= LONGEST_PATH
        and len(query) <= LONGEST_QUERY
        and raw_path.startswith(b"/")
        and not raw_path.translate(None, _PLAIN_PATH)
        and b"//" not in raw_path
        and b"/." not in raw_path
        and len(b"".join(known)) + len(b"".join(known.values())) <= LARGEST_HEAD
    )


def judge_head(raw_path: bytes, query: bytes, headers: Headers) -> None:
    """Raise DomainError where the head of a request is too large or can be read in two ways."""
    judge_size(raw_path, query, headers)
    judge_path(raw_path)
    judge_headers(headers)


def judge_size(raw_path: bytes, query: bytes, headers: Headers) -> None:
    if len(raw_path) > LONGEST_PATH or len(query) > LONGEST_QUERY:
        raise DomainError("uri_too_long", f"A path may have {LONGEST_PATH} bytes, a query {LONGEST_QUERY}.")
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > LARGEST_HEAD:
        raise DomainError("headers_too_large", f"A request may have {MOST_HEADERS} headers and {LARGEST_HEAD} bytes.")


def judge_path(raw_path: bytes) -> None:
    """`ambiguous_path`: an empty or dot segment, a hidden slash, a backslash, a control byte, text that isn't UTF-8."""
    if not raw_path.startswith(b"/") or b"//" in raw_path or _has_odd_bytes(raw_path):
        raise _ambiguous_path()
    if b"%" not in raw_path:
        segments = raw_path.split(b"/")
    else:
        if not _percent_signs_are_whole(raw_path) or any(hidden in raw_path.lower() for hidden in _HIDDEN):
            raise _ambiguous_path()
        segments = unquote_to_bytes(raw_path).split(b"/")
    if any(segment in (b".", b"..") for segment in segments):
        raise _ambiguous_path()
    try:
        b"/".join(segments).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _ambiguous_path() from error


def judge_headers(headers: Headers) -> None:
    """`ambiguous_headers`: one that may stand once stands twice, or a body has two lengths."""
    names = [name for name, _ in headers]
    for name in _ONCE:
        if names.count(name) > 1:
            raise _ambiguous_headers(f"{name.decode()} stands more than once.")
    if b"content-length" in names and b"transfer-encoding" in names:
        raise _ambiguous_headers("A body has a length or is chunked, not both.")
    if any(name == b"transfer-encoding" and value.strip().lower() != b"chunked" for name, value in headers):
        raise _ambiguous_headers("A body is chunked, without any other coding.")


def judge_exchange(method: str, http_version: str, headers: Headers) -> None:
    """`method_not_allowed` for TRACE, whose answer would show what a route sends upstream, and CONNECT, after whose
    answer a connection speaks another protocol; `ambiguous_headers` for a chunked body in HTTP/1.0, which has none."""
    if method in _NOT_SERVED:
        raise DomainError("method_not_allowed", f"{method} is not served.")
    if http_version == "1.0" and any(name == b"transfer-encoding" for name, _ in headers):
        raise _ambiguous_headers("HTTP/1.0 knows no chunked bodies.")


def judge_host(headers: Headers, ours: Collection[str], *, loopback_is_ours: bool) -> None:
    """`misdirected_request` where the Host is not ours; `ambiguous_headers` where there is none."""
    host = next((value for name, value in headers if name == b"host"), b"").decode("latin-1").lower()
    if not host:
        raise _ambiguous_headers("A request names its host.")
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    if host in ours or name in ours or (loopback_is_ours and _is_loopback(name)):
        return
    raise DomainError("misdirected_request", "This host is not served here.", headers={"Connection": "close"})


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _has_odd_bytes(raw_path: bytes) -> bool:
    return any(byte <= _SPACE or byte in (_DELETE, _BACKSLASH) for byte in raw_path)


def _percent_signs_are_whole(raw_path: bytes) -> bool:
    return all(len(rest) >= 2 and rest[0] in _HEX and rest[1] in _HEX for rest in raw_path.split(b"%")[1:])


def _ambiguous_path() -> DomainError:
    return DomainError(
        "ambiguous_path", "This path could be read in two ways; send it without dots and hidden slashes."
    )


def _ambiguous_headers(detail: str) -> DomainError:
    return DomainError("ambiguous_headers", detail, headers={"Connection": "close"})
