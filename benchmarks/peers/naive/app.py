"""The naive gateway: key looked up, balance locked, charge inserted, committed, forwarded, answered."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, HTTPException, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from benchmarks.peers.naive.tables import Account, ApiKey, Charge, Table

PRICE_MILLICREDITS = 1_000
FIRST_BALANCE_MILLICREDITS = 10**15
NOT_FORWARDED = {"host", "connection", "content-length", "transfer-encoding", "x-api-key"}
NOT_PASSED_ON = {"connection", "content-length", "transfer-encoding", "content-encoding"}

engine = create_async_engine(
    os.environ["NAIVE_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=20, max_overflow=0
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    await _set_up(engine)
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(
        base_url=os.environ["NAIVE_UPSTREAM"], limits=limits, timeout=60, trust_env=False
    ) as app.state.upstream:
        yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/{path:path}")
async def paid_call(path: str, request: Request) -> Response:
    remaining = await _charge(request.headers.get("x-api-key", ""), path)
    answer = await request.app.state.upstream.request(
        request.method,
        f"/{path}",
        content=await request.body(),
        headers={name: value for name, value in request.headers.items() if name not in NOT_FORWARDED},
    )
    headers = {name: value for name, value in answer.headers.items() if name not in NOT_PASSED_ON}
    headers |= {"X-Credits-Charged": "1", "X-Credits-Remaining": str(remaining / 1_000)}
    return Response(answer.content, answer.status_code, headers)


async def _charge(key: str, path: str) -> int:
    """What is left, once the charge is durable."""
    async with sessions() as session, session.begin():
        key_hash = hashlib.sha256(key.encode()).digest()
        known = await session.scalar(select(ApiKey).where(ApiKey.key_hash == key_hash))
        if known is None:
            raise HTTPException(401, "invalid_api_key")
        account = await session.scalar(select(Account).where(Account.id == known.account_id).with_for_update())
        assert account is not None
        if account.balance < PRICE_MILLICREDITS:
            raise HTTPException(402, "insufficient_credits")
        account.balance -= PRICE_MILLICREDITS
        session.add(Charge(account_id=account.id, amount=PRICE_MILLICREDITS, path=path))
        return account.balance


async def _set_up(engine: AsyncEngine) -> None:
    key_hash = hashlib.sha256(os.environ["NAIVE_KEY"].encode()).digest()
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    async with sessions() as session, session.begin():
        session.add(Account(id=1, balance=FIRST_BALANCE_MILLICREDITS))
        session.add(ApiKey(id=1, key_hash=key_hash, account_id=1))
