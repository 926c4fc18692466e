"""The head of a paid request, and what is made out of it.

Clients that keep a connection send the same head over and over, but for the length of the body: what was made out of
the first holds for all, so a connection keeps its last head and asks it whether the next one is the same again.
"""

from collections.abc import Mapping, Sequence

from services.gateway.domain.api_key import PresentedKey
from services.gateway.domain.forwarding import CallerHead, Header, ProxyPath, parse_proxy_path

_LENGTH = b"content-length"


class RequestHead:
    """As it was sent, names in lower case."""

    __slots__ = (
        "caller",
        "headers",
        "is_judged",
        "key",
        "known",
        "length_at",
        "method",
        "opening",
        "path",
        "query",
        "raw_path",
        "target",
        "version",
    )

    def __init__(
        self, method: str, version: str, target: bytes, *, raw_path: bytes, query: bytes, headers: Sequence[Header]
    ) -> None:
        self.method = method
        self.version = version
        self.target = target
        self.raw_path = raw_path
        self.query = query
        self.headers = headers
        self.known: Mapping[bytes, bytes] = dict(headers)
        """The headers by name, the last of each."""
        self.length_at = next((at for at, (name, _) in enumerate(headers) if name == _LENGTH), -1)
        """Where the body's length stands among the headers of every head that is this one again; -1: nowhere."""
        self.caller = CallerHead(headers)
        self.path: ProxyPath = parse_proxy_path(raw_path)
        self.is_judged = False
        """Whether it was found to have one meaning, and a host of ours."""
        self.key: PresentedKey | None = None
        """The caller's key, once it was read."""
        self.opening: tuple[object, bytes] | None = None
        """What begins the request to an upstream, and the way that it was made for."""

    @property
    def size(self) -> int:
        """Bytes of target and headers."""
        return len(self.target) + sum(len(name) + len(value) for name, value in self.headers)

    def is_again(self, method: str, version: str, target: bytes, headers: Sequence[Header]) -> bool:
        """Whether these are the same words, but for the body's length."""
        if target != self.target or method != self.method or version != self.version:
            return False
        mine, at = self.headers, self.length_at
        if headers == mine:
            return True
        return (
            0 <= at < len(headers) == len(mine)
            and headers[at][0] == _LENGTH
            and headers[:at] == mine[:at]
            and headers[at + 1 :] == mine[at + 1 :]
        )
