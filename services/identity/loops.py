"""The periodic loops of identity's worker."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from services.identity.accounts.store import challenges, sessions, throttles
from services.identity.browser_sessions import store as browser_sessions
from services.identity.campaigns import store as campaigns
from services.identity.campaigns.domain import Campaign
from services.identity.campaigns.usecases.open_noticed import open_noticed
from services.identity.campaigns.usecases.send_notices import send_notices
from services.identity.clients.store import clients
from services.identity.clients.usecases.announce_clients import announce_clients
from services.identity.erasure.domain import ErasureRules
from services.identity.erasure.usecases.sweep_retention import sweep_retention
from services.identity.erasure.usecases.watch_erasures import watch_erasures
from services.identity.figures.usecases.publish_figures import publish_figures
from services.identity.kit import store as rates
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle.domain.lifecycle import LifecycleRules
from services.identity.lifecycle.usecases.sweep_deaths import sweep_deaths
from services.identity.openings.domain.openings import OpeningRules
from services.identity.openings.store import online, proposals
from services.identity.openings.usecases.send_opening_codes import send_opening_codes
from services.identity.professionals import store as professional_sessions
from services.identity.recovery.usecases.export_erasures import ExportRules, export_erasures, watch_exports
from services.identity.relations.usecases.announce_people_to_call import announce_people_to_call
from services.identity.relations.usecases.sweep_invitations import sweep_invitations
from services.identity.relations.usecases.sweep_minors import sweep_minors
from services.identity.relations.usecases.sweep_representations import sweep_representations
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection, Pool
from shared.db.sweep import sweep
from shared.erasure.erased_records import ErasureFinisher
from shared.runtime import clock
from shared.service.worker import Loop

SWEEP_EVERY_S = 10.0
POLL_INTERVAL_S = 0.3
FIGURES_EVERY_S = 30.0
CHALLENGE_RETENTION = timedelta(hours=1)
THROTTLE_RETENTION = timedelta(days=2)


def loops(
    keyrings: Keyrings, lookups: Keyring, openings: OpeningRules, lifecycle: LifecycleRules, erasure: ErasureRules
) -> dict[str, Loop]:
    """Returns all loops by name. They can be interrupted at any point: each page or record is one transaction."""
    return {
        "sweep-assertions": sweep_assertions,
        "announce-clients": announce_clients_or_wait,
        "sweep-accounts": sweep_accounts,
        "sweep-sign-ins": sweep_sign_ins,
        **erasure_loops(keyrings, lifecycle, erasure),
        **opening_loops(keyrings, lookups, openings),
        **relation_loops(keyrings),
    }


async def sweep_assertions(pool: Pool) -> None:
    """Deletes used assertions that have expired."""
    await _sweep_or_wait(pool, {clients.SWEEP_ASSERTIONS: clock.now()})


async def announce_clients_or_wait(pool: Pool) -> None:
    """Announces software whose status no event has announced yet, and waits when there is none."""
    if not await announce_clients(pool):
        await asyncio.sleep(SWEEP_EVERY_S)


async def _sweep_or_wait(pool: Pool, deletions: dict[str, datetime]) -> None:
    """Runs the deletions once, and waits when no expired row is left."""
    if not await sweep(pool, deletions):
        await asyncio.sleep(SWEEP_EVERY_S)


def erasure_loops(keyrings: Keyrings, lifecycle: LifecycleRules, erasure: ErasureRules) -> dict[str, Loop]:
    """Returns the loops of erasures: retention, acknowledgement, and the watch for missing acknowledgements."""

    async def erase_due(pool: Pool) -> None:
        if not await sweep_retention(Storage(pool, keyrings), lifecycle, clock.now()):
            await asyncio.sleep(SWEEP_EVERY_S)

    async def watch(pool: Pool) -> None:
        await watch_erasures(pool, erasure, clock.now())
        await asyncio.sleep(SWEEP_EVERY_S)

    finisher = ErasureFinisher("identity", _nothing_left)
    return {"sweep-retention": erase_due, "finish-erasures": finisher.round, "watch-erasures": watch}


def export_loops(rules: ExportRules | None) -> dict[str, Loop]:
    """Returns the loop that exports erasures; none without a folder for them."""
    if rules is None:
        return {}

    due_at = clock.now()
    watch_exports(rules, due_at)

    async def export(pool: Pool) -> None:
        nonlocal due_at
        now = clock.now()
        if now >= due_at:
            await export_erasures(pool, rules, now)
            due_at = now + timedelta(seconds=rules.every_s)
        await asyncio.sleep(min(SWEEP_EVERY_S, rules.every_s))

    return {"export-erasures": export}


async def _nothing_left(_: Connection, __: UUID) -> dict[str, int]:
    """Returns no counts: identity deletes all data of a record in the transaction that begins its erasure."""
    return {}


async def sweep_sign_ins(pool: Pool) -> None:
    """Deletes expired sign-ins and sessions of professionals."""
    now = clock.now()
    await _sweep_or_wait(pool, {professional_sessions.SWEEP_PENDING: now, professional_sessions.SWEEP_SESSIONS: now})


async def sweep_accounts(pool: Pool) -> None:
    """Deletes expired challenges, sessions, refresh tokens and attempt counts."""
    now = clock.now()
    deletions = {
        challenges.SWEEP_CHALLENGES: now - CHALLENGE_RETENTION,
        browser_sessions.SWEEP_SESSIONS: now,
        browser_sessions.SWEEP_CONFIRMATIONS: now,
        sessions.SWEEP_REFRESH_TOKENS: now,
        sessions.SWEEP_SESSIONS: now,
        throttles.SWEEP_THROTTLES: now - THROTTLE_RETENTION,
    }
    await _sweep_or_wait(pool, deletions)


def opening_loops(keyrings: Keyrings, lookups: Keyring, rules: OpeningRules) -> dict[str, Loop]:
    """Returns the loops by name. They can be interrupted at any point: each page is one transaction."""

    async def send_codes(pool: Pool) -> None:
        if not await send_opening_codes(Storage(pool, keyrings), lookups, rules):
            await asyncio.sleep(POLL_INTERVAL_S)

    async def run_campaigns(pool: Pool) -> None:
        async with pool.acquire() as connection:
            running = await campaigns.list_campaigns(connection, ended=False)
        for campaign in running:
            await _step(pool, campaign)
        await asyncio.sleep(
            _wait([campaign for campaign in running if campaign.status != "waiting" and not campaign.is_paused])
        )

    async def _step(pool: Pool, campaign: Campaign) -> None:
        if campaign.status == "noticing":
            await send_notices(Storage(pool, keyrings), rules, campaign.id)
        else:
            await open_noticed(Storage(pool, keyrings), lookups, rules, campaign.id)

    return {
        "send-opening-codes": send_codes,
        "run-campaigns": run_campaigns,
        "publish-figures": _publish_figures,
        "sweep-openings": _sweep_openings,
    }


def _wait(working: list[Campaign]) -> float:
    """Returns the seconds until the next page may begin, at most half a second."""
    if not working:
        return POLL_INTERVAL_S
    soonest = min(campaign.next_page_at for campaign in working) - clock.now()
    return min(max(soonest, timedelta()).total_seconds(), POLL_INTERVAL_S)


async def _publish_figures(pool: Pool) -> None:
    if not await publish_figures(pool, clock.now()):
        await asyncio.sleep(FIGURES_EVERY_S)


async def _sweep_openings(pool: Pool) -> None:
    now = clock.now()
    expired = (online.SWEEP_OPENINGS, rates.SWEEP_RECENT, proposals.SWEEP_PROPOSALS)
    await _sweep_or_wait(pool, dict.fromkeys(expired, now))


def relation_loops(keyrings: Keyrings) -> dict[str, Loop]:
    """Returns the loops by name. They can be interrupted at any point: each record is one transaction."""

    def swept(sweep_page: Callable[[Storage, datetime], Awaitable[int]]) -> Loop:
        async def sweep_or_wait(pool: Pool) -> None:
            if not await sweep_page(Storage(pool, keyrings), clock.now()):
                await asyncio.sleep(SWEEP_EVERY_S)

        return sweep_or_wait

    async def invitations(pool: Pool) -> None:
        if not await sweep_invitations(pool, clock.now()):
            await asyncio.sleep(SWEEP_EVERY_S)

    async def people_to_call(pool: Pool) -> None:
        if not await announce_people_to_call(Storage(pool, keyrings)):
            await asyncio.sleep(SWEEP_EVERY_S)

    return {
        "announce-people-to-call": people_to_call,
        "sweep-deaths": swept(sweep_deaths),
        "sweep-minors": swept(sweep_minors),
        "sweep-representations": swept(sweep_representations),
        "sweep-invitations": invitations,
    }
