"""Connections to Redis that died are replaced without anybody noticing."""

import asyncio

from redis.asyncio import Redis

from shared import bus

AT_ONCE = 20


async def test_commands_on_dead_connections_are_sent_once_more(redis_url: str, redis: Redis) -> None:
    """After a restart of Redis all kept connections are dead; none of them may look like Redis being away."""
    client = bus.connect(redis_url)
    await asyncio.gather(*(client.blpop(["nothing"], timeout=0.2) for _ in range(AT_ONCE)))
    assert await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") >= AT_ONCE
    answers = await asyncio.gather(*(client.incr("count") for _ in range(AT_ONCE)))
    assert sorted(answers) == list(range(1, AT_ONCE + 1))
    await client.aclose()
