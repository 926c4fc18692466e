"""The doorbell: Redis pub/sub that says "look now". It carries no truth; a lost ring costs a poll interval."""

import asyncio
import contextlib
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from shared.telemetry import logger

_PAUSE_SECONDS = 1.0


def connect(url: str) -> Redis:
    """A client with deadlines, so that a silent Redis holds nobody up.

    A command that meets a dead connection is sent once more on a new one: after a restart of Redis every kept
    connection is dead, and each would otherwise look like Redis being away.
    """
    return Redis.from_url(
        url,
        socket_timeout=2.0,
        socket_connect_timeout=1.0,
        health_check_interval=15,
        max_connections=200,
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
    )


async def ring(redis: Redis, channel: str) -> None:
    """Wake whoever listens. Redis away: the poll will do."""
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        await redis.publish(f"tg:bell:{channel}", b"1")


async def listen(redis: Redis, bells: Mapping[str, asyncio.Event]) -> None:
    """Set each channel's event when it rings, until cancelled; a lost connection is made anew."""
    by_channel = {f"tg:bell:{channel}".encode(): event for channel, event in bells.items()}
    while True:
        try:
            async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                await pubsub.subscribe(*by_channel)
                for event in by_channel.values():
                    event.set()
                while True:
                    message = await pubsub.get_message(timeout=10.0)
                    if message is not None:
                        by_channel[message["channel"]].set()
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("bell_lost", error=type(error).__name__)
            await asyncio.sleep(_PAUSE_SECONDS)
