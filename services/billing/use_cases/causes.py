"""What is behind the steps that payments make while it is at work.

    with caused_by(CauseKind.EVENT, event.id):
        await apply(...)

Whoever begins something says so here, and `payment_steps` writes it down; the many hands in between need not pass it.
The innermost counts. Tasks that are begun within inherit it.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from services.billing.domain.payment_step import Cause, CauseKind

_NOBODY = Cause(CauseKind.UNKNOWN)
_CAUSE: ContextVar[Cause] = ContextVar("cause_of_payment_steps", default=_NOBODY)


@contextlib.contextmanager
def caused_by(kind: CauseKind, reference: str | None = None) -> Iterator[None]:
    """Steps made within are its doing."""
    token = _CAUSE.set(Cause(kind, reference))
    try:
        yield
    finally:
        _CAUSE.reset(token)


def present_cause() -> Cause:
    """Who is at work; UNKNOWN where nobody said."""
    return _CAUSE.get()
