"""A transaction's connection, by a name that use cases may say: they hand it on and write no SQL."""

from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

Connection: TypeAlias = AsyncConnection
