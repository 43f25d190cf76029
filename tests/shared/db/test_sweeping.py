"""Expired rows are deleted as fast as they expire at national scale, and a run never takes long."""

import asyncio
import time

import pytest

from services.identity.accounts.store import sessions
from shared.db import sweep as sweeping
from shared.db.pool import Pool
from shared.db.sweep import PAGE, sweep
from shared.runtime import clock
from tests.conftest import NewPool

NATIONAL_A_SECOND = 3300
"""Refresh tokens that expire each second when sixty million people use their record."""
FILL = """
insert into refresh_tokens (bucket, digest, session_id, expires_at)
select number % 1000, decode(md5(number::text), 'hex'), gen_random_uuid(), now() - interval '1 hour'
from generate_series(1, $1) as number"""
COUNT = "select count(*) from refresh_tokens"


@pytest.fixture
async def pool(new_pool: NewPool) -> Pool:
    return await new_pool("identity")


async def test_a_round_goes_on_while_it_finds_full_pages(pool: Pool) -> None:
    await pool.execute(FILL, 3 * PAGE + 1)
    now = clock.now()
    assert not await sweep(pool, {sessions.SWEEP_REFRESH_TOKENS: now, sessions.SWEEP_SESSIONS: now})
    assert await pool.fetchval(COUNT) == 0


async def test_what_has_not_run_out_stays(pool: Pool) -> None:
    await pool.execute(FILL, 10)
    await pool.execute("update refresh_tokens set expires_at = now() + interval '1 minute'")
    assert not await sweep(pool, {sessions.SWEEP_REFRESH_TOKENS: clock.now()})
    assert await pool.fetchval(COUNT) == 10


async def test_a_round_ends_when_its_time_is_over_and_says_that_there_is_more(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's liveness must see that the loop makes progress."""
    monkeypatch.setattr(sweeping, "RUN_INTERVAL_S", 0.0)
    await pool.execute(FILL, 10)
    assert await sweep(pool, {sessions.SWEEP_REFRESH_TOKENS: clock.now()})
    assert await pool.fetchval(COUNT) == 10


async def test_two_workers_sweep_beside_each_other(pool: Pool) -> None:
    await pool.execute(FILL, 2 * PAGE)
    now = clock.now()
    await asyncio.gather(*(sweep(pool, {sessions.SWEEP_REFRESH_TOKENS: now}) for _ in range(2)))
    assert await pool.fetchval(COUNT) == 0


async def test_refresh_tokens_are_deleted_faster_than_the_nations_run_out(pool: Pool) -> None:
    """Some fifty times as fast on two cores, so that a machine ten times slower still keeps up."""
    count = 10 * PAGE
    await pool.execute(FILL, count)
    started = time.perf_counter()
    assert not await sweep(pool, {sessions.SWEEP_REFRESH_TOKENS: clock.now()})
    rate = count / (time.perf_counter() - started)
    assert rate > NATIONAL_A_SECOND
