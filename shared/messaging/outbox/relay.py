"""The sending side of the outbox: one leader per service reads in order, sends in batches, deletes after the commit.

Consumers read uncommitted records, so a record counts as sent once it is acknowledged. Its row is deleted only after
the commit of its transaction, because compaction drops aborted records. After a crash the rows that were not deleted
are sent again, in order; consumers deduplicate. A partition that cannot be written holds back only its own rows.
"""

import asyncio
import contextlib
from typing import Final

from shared.db.connection import open_connection
from shared.db.pool import KEEPALIVES, TRANSIENT
from shared.messaging.outbox.append import CHANNEL, LOW_LATENCY
from shared.messaging.outbox.leader import Leader, OwnTopics
from shared.messaging.outbox.lost import LossWatch
from shared.messaging.outbox.producer import MakeProducer
from shared.runtime import linger
from shared.runtime.logs import log
from shared.runtime.retry import run_with_retry

LEAD = "select pg_try_advisory_lock(1146097665, 1)"
SHORTEST_LINGER_S, LONGEST_LINGER_S = 0.01, 0.05
"""Between two reads the relay lingers (`linger`), so that one read serves several transactions; it does not if a
person awaits one of them at a screen. A row written after a quiet time is sent at once."""
LEADERSHIP_POLL_S = 0.5


NO_TOPICS: Final = OwnTopics()


class Relay:
    """Sends the outbox of one service, until `stop`.

    `watch`: detects commits that this database has lost. `sent`: the number of rows sent while leading.
    `last_progress`: event loop seconds. `max_age_s`: a lead, and a connection that waits for it, ends after these
    seconds and begins anew, with new connections to the database and the broker.
    """

    def __init__(
        self,
        dsn: str,
        producer: MakeProducer,
        *,
        source: str,
        topics: OwnTopics = NO_TOPICS,
        heartbeat_s: float = 5,
        watch: LossWatch | None = None,
        max_age_s: float = 3600,
    ) -> None:
        self._dsn = dsn
        self._make_producer = producer
        self._source = source.encode()
        self._topics = topics
        self._watch = watch or LossWatch(None, ())
        self._heartbeat_s = heartbeat_s
        self._max_age_s = max_age_s
        self._rows_written = asyncio.Event()
        self._low_latency_wanted = asyncio.Event()
        self._stopping = False
        self._leads = False
        self.last_progress = asyncio.get_running_loop().time()
        self.sent = 0

    async def run(self) -> None:
        """Leads or waits to lead, until `stop`. Logs errors and retries with back-off."""
        await run_with_retry("relay", self._lead, self.note_progress)

    def stop(self) -> None:
        """Ends `run` after the current batch, so that a clean end sends nothing twice."""
        self._stopping = True
        self._rows_written.set()

    def wake(self, payload: str) -> bool:
        """Wakes the relay after rows were written. Returns whether it leads, so that no other relay need be woken."""
        self._rows_written.set()
        if payload == LOW_LATENCY:
            self._low_latency_wanted.set()
        return self._leads

    def note_progress(self) -> None:
        """Notes that this loop is alive."""
        self.last_progress = asyncio.get_running_loop().time()

    def _on_notification(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self.wake(str(payload))

    async def _lead(self) -> bool:
        connection = await open_connection(
            self._dsn,
            timeout=5,
            command_timeout=15,
            server_settings={
                "application_name": "relay",
                "timezone": "UTC",
                "jit": "off",
                # The outbox is almost empty or very full, whatever its statistics say, and is read by id only.
                "enable_seqscan": "off",
                "plan_cache_mode": "force_custom_plan",
                **KEEPALIVES,
            },
        )
        expires_at = asyncio.get_running_loop().time() + self._max_age_s
        try:
            while not await connection.fetchval(LEAD):
                if self._is_over(expires_at):
                    return self._stopping
                self.note_progress()
                await asyncio.sleep(LEADERSHIP_POLL_S)
            await connection.add_listener(CHANNEL, self._on_notification)
            leader = Leader(
                connection,
                self._make_producer,
                self._watch,
                source=self._source,
                topics=self._topics,
                heartbeat_s=self._heartbeat_s,
            )
            try:
                self._leads = True
                await self._run_leader(leader, expires_at)
            finally:
                self._leads = False
                await leader.close()
            return self._stopping
        finally:
            with contextlib.suppress(*TRANSIENT):
                await connection.close(timeout=2)

    def _is_over(self, expires_at: float) -> bool:
        return self._stopping or asyncio.get_running_loop().time() >= expires_at

    async def _run_leader(self, leader: Leader, expires_at: float) -> None:
        await leader.start()
        log("relay.leader_elected")
        while not self._is_over(expires_at):
            self._rows_written.clear()  # before reading: a notification during the read is kept
            self._low_latency_wanted.clear()
            started = asyncio.get_running_loop().time()
            is_full = await leader.step()
            duration_s = asyncio.get_running_loop().time() - started
            self.sent = leader.sent_rows
            self.note_progress()
            if not is_full:
                await self._wait_for_rows(
                    linger.interval(duration_s, SHORTEST_LINGER_S, LONGEST_LINGER_S), leader.longest_wait()
                )
        await leader.commit()

    async def _wait_for_rows(self, linger: float, longest: float) -> None:
        """Lingers, then waits until rows are written, at most `longest` seconds in all."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(linger, longest)):
                await self._low_latency_wanted.wait()
                return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, longest - linger)):
                await self._rows_written.wait()
