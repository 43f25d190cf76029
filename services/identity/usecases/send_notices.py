"""Tells a page of the people whom a campaign selects that a record will be opened for them, unless they object."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.campaigns import (
    Campaign,
    Candidate,
    Known,
    counted,
    deadline,
    next_page,
    skip_of,
)
from services.identity.domain.insured import Insured, open_insured
from services.identity.domain.openings import OpeningRules, mail_or_letter
from services.identity.domain.sealing import Keyrings
from services.identity.store import campaigns, insured, lifecycle, openings
from shared.contracts.notify import MessageRequested
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock


async def send_notices(pool: Pool, keyrings: Keyrings, rules: OpeningRules, campaign_id: UUID) -> int:
    """Returns how many rows of the register were looked at; 0 when there is nothing to do now.

    One transaction: whoever is told, the messages and how far the campaign has come are written together or not at all.
    """
    now = clock.now()
    async with transaction(pool) as connection:
        campaign = await campaigns.lock_campaign(connection, campaign_id)
        if campaign is None or campaign.status != "noticing" or not campaign.is_due(now):
            return 0
        page = await insured.page_of_insured(connection, campaign.selection, campaign.after, rules.page)
        if not page:
            opens_at = deadline(now, campaign.window_days)
            await campaigns.set_waiting(connection, campaign_id, now, opens_at)
            return 0
        chosen, counts = await _chosen(connection, keyrings, campaign, page, now)
        messages = _messages(keyrings, rules, campaign, chosen, now)
        counts |= {"selected": len(page), "noticed": len(messages)}
        due = next_page(campaign, now, len(messages))
        done = counted(campaign.counts, counts)
        await campaigns.set_progress(connection, campaign_id, "noticing", page[-1].id, done, due)
        await append(connection, [announce(one) for one in messages])
    return len(page)


def candidates(keyrings: Keyrings, page: Sequence[Insured]) -> list[Candidate]:
    """The rows, opened."""
    opened = [(row, open_insured(keyrings.persons, row)) for row in page]
    return [Candidate(row, one, keyrings.ins.fingerprints(*ins_parts(one.person.ins))) for row, one in opened]


async def known_of(connection: Connection, page: Sequence[Candidate]) -> Known:
    """What is known of them."""
    fingerprints = [one for candidate in page for one in candidate.fingerprints]
    recorded = await openings.find_records(connection, fingerprints)
    return Known(recorded, await lifecycle.suppressed_among(connection, fingerprints))


async def _chosen(
    connection: Connection, keyrings: Keyrings, campaign: Campaign, page: Sequence[Insured], now: datetime
) -> tuple[list[Candidate], dict[str, int]]:
    """Who is told, and how many are passed over for which reason."""
    people = candidates(keyrings, page)
    known = await known_of(connection, people)
    skips = {one.row.id: skip_of(one, known, now.date()) for one in people}
    wanted = [one.row.id for one in people if skips[one.row.id] is None]
    told = await campaigns.insert_notices(connection, campaign.id, wanted, now)
    skips |= {id: "noticed-before" for id in wanted if id not in told}
    return [one for one in people if one.row.id in told], dict(Counter(skip for skip in skips.values() if skip))


def _messages(
    keyrings: Keyrings, rules: OpeningRules, campaign: Campaign, chosen: Sequence[Candidate], now: datetime
) -> list[MessageRequested]:
    until = deadline(now, campaign.window_days)
    values = {"deadline": until.date().isoformat(), "url": rules.objection_url}
    made = [
        mail_or_letter(keyrings.contacts, clock.new_id(), None, one.insured.reach, "opening-notice", values, until)
        for one in chosen
    ]
    return [one for one in made if one is not None]
