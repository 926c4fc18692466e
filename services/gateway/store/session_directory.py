"""Whose session a token is: the look-up of every signed-in request. An ended one is known here within 1 s."""

from services.gateway.domain.session import Session, is_session_token, token_hash
from shared.change_feed import ChangeFeed
from shared.clock import Clock
from shared.look_ups import Load
from shared.record_cache import RecordCache


class SessionDirectory:
    """Sessions by their token."""

    def __init__(self, feed: ChangeFeed, clock: Clock, *, load: Load[Session], most: int) -> None:
        self._clock = clock
        self._sessions = RecordCache[Session](
            feed,
            load=load,
            refs={
                "session": lambda session: session.token_hash.hex(),
                "account": lambda session: session.identity.account_id,
            },
            most=most,
        )

    async def find(self, token: str) -> Session | None:
        """The live session, or None. A suspended account's is found: it may read."""
        if not is_session_token(token):
            return None
        session = await self._sessions.find(token_hash(token))
        if session is None or session.expires_at <= self._clock.real_now():
            return None
        return session
