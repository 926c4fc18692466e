"""The usage in a text that is too long to be kept: found as it flows past, wherever in it that stands."""

import json
import re

from services.gateway.domain.metering.usage import Fault, tokens_of

_NAME = b'"usage"'
"""As a name: inside a text its quotes would be escaped."""
_OPENS = re.compile(rb'"usage"[ \t\r\n]*:[ \t\r\n]*(?=\{)')
_LONGEST_REPORT = 8 * 1024
_OVERLAP = 64


class PassingUsage:
    """Fed with every byte in order. It keeps 8 KiB at most: the last `usage` that was an object, as the end of a
    document counts where more than one level of it says so."""

    def __init__(self) -> None:
        self._overlap = b""
        self._report = b""

    def feed(self, piece: bytes) -> None:
        window = self._overlap + piece
        start = window.rfind(_NAME)
        if start != -1 and _OPENS.match(window, start) is None:
            start = max((opening.start() for opening in _OPENS.finditer(window)), default=-1)
        if start != -1:
            self._report = window[start : start + _LONGEST_REPORT]
        elif self._report:
            self._report += piece[: _LONGEST_REPORT - len(self._report)]
        self._overlap = window[-_OVERLAP:]

    @property
    def tokens(self) -> tuple[int | None, Fault | None]:
        """What it reports, None where nothing sensible came past; and why it is to be flagged, if it is."""
        opening = _OPENS.match(self._report)
        if opening is None:
            return None, "missing"
        try:
            report, _ = json.JSONDecoder().raw_decode(self._report[opening.end() :].decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None, "missing"
        tokens, fault = tokens_of(report)
        return tokens, "missing" if tokens is None and fault is None else fault
