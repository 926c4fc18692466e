"""A running gateway, and licensing behind it, as they are in production."""

from tests.integration.gateway_identity.conftest import make_world, world

__all__ = ["make_world", "world"]
