"""Structured logs and metrics.

A log line is one JSON object on stderr, with the service, the request's id and what the caller binds. Bodies, keys,
tokens and addresses are never bound (S5); the last processor drops well-known names of secrets should one slip. What
concerns Stripe, licenses or subscriptions bears its `stream`, and stands in that stream's file too where there is a
folder for them (`log_streams`).
"""

import logging
import sys
from contextvars import ContextVar
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars
from structlog.typing import EventDict, WrappedLogger

from shared.log_streams import Stream, Streams
from shared.traffic import Traffic

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""What log lines are given as `request_id` where no other is bound: setting it costs less than binding."""

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

LOG_FILE_BYTES = 20 * 1_048_576

_SECRET_NAMES = frozenset(
    {
        "password",
        "token",
        "key",
        "api_key",
        "license_key",
        "authorization",
        "secret",
        "email",
        "body",
        "cookie",
        "card",
        "number",
    }
)

REGISTRY = CollectorRegistry()

TRAFFIC = Traffic(REGISTRY)


def add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A processor: a line of a request says which."""
    if request_id := REQUEST_ID.get():
        event.setdefault("request_id", request_id)
    return event


def _drop_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in _SECRET_NAMES & event.keys():
        event[name] = "[dropped]"
    return event


class _Rendering:
    """The last processor: a JSON line, written to its stream's file on the way. What is less severe than `said` goes no
    further."""

    def __init__(self, streams: Streams | None, said: int) -> None:
        self._json = structlog.processors.JSONRenderer()
        self._streams = streams
        self._said = said

    def __call__(self, to: WrappedLogger, method: str, event: EventDict) -> str | bytes:
        stream = event.get("stream")
        line = self._json(to, method, event)
        if self._streams is not None and stream is not None and isinstance(line, str):
            self._streams.write(stream, line)
        if logging.getLevelNamesMapping()[event["level"].upper()] < self._said:
            raise structlog.DropEvent
        return line


def logger_of(stream: Stream) -> structlog.stdlib.BoundLogger:
    """The logger of one of L13's streams. It may be made before logging is configured."""
    made: structlog.stdlib.BoundLogger = structlog.get_logger(stream=stream)
    return made


def configure_logging(
    service: str,
    level: str,
    *,
    said_from: str | None = None,
    folder: Path | None = None,
    file_bytes: int = LOG_FILE_BYTES,
) -> None:
    """Send structlog's and the standard library's records to stderr as JSON lines; those of streams to their files in
    `folder` as well, each of `file_bytes` at most. With `said_from` stderr has only those so severe, the files all."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    said = logging.getLevelNamesMapping()[(said_from or level).upper()]
    structlog.configure(
        processors=[
            merge_contextvars,
            add_request_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _drop_secrets,
            _Rendering(Streams(folder, most_bytes=file_bytes) if folder else None, said),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=max(numeric, logging.WARNING),
        format='{"service": "' + service + '", "level": "%(levelname)s", "event": "%(name)s: %(message)s"}',
        force=True,
    )
    clear_contextvars()
    bind_contextvars(service=service)


def metrics_text() -> bytes:
    """This process's metrics in Prometheus's text format."""
    return generate_latest(REGISTRY)
