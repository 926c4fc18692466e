"""What an operator may turn in licensing."""

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service needs; licensing has nothing of its own yet."""
