"""How this process hears of changes, for the use cases that remember something."""

from services.gateway.store.change_feed import ChangeFeed

__all__ = ["ChangeFeed"]
