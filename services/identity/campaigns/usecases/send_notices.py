"""Notifies a page of the people whom a campaign selects that their record will be opened unless they object."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.identity.campaigns import store as campaigns
from services.identity.campaigns.domain import (
    Campaign,
    Candidate,
    next_page_time,
    objection_deadline,
    skip_reason,
    summed_counts,
)
from services.identity.campaigns.steps import load_fingerprint_statuses, open_candidates
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.openings.domain.openings import OpeningRules, mail_or_letter_request
from services.identity.people.domain.insured import InsuredRow
from services.identity.people.store import insured
from shared.contracts.notify import MessageRequested
from shared.messaging.outbox import append
from shared.runtime import clock


async def send_notices(storage: Storage, rules: OpeningRules, campaign_id: UUID) -> int:
    """Returns how many rows of the register were processed; 0 when there is nothing to do now.

    Notices, messages and the campaign's progress are stored in one transaction.
    """
    now = clock.now()
    async with storage.transaction() as work:
        campaign = await campaigns.lock_campaign(work.connection, campaign_id)
        if campaign is None or campaign.status != "noticing" or not campaign.is_due(now):
            return 0
        page = await insured.load_insured_page(work.connection, campaign.selection, campaign.after, rules.page)
        if not page:
            opens_at = objection_deadline(now, campaign.window_days)
            await campaigns.set_waiting(work.connection, campaign_id, now, opens_at)
            return 0
        selected, counts = await _select_candidates(work, campaign, page, now)
        messages = _messages(storage.keyrings, rules, campaign, selected, now)
        counts |= {"selected": len(page), "noticed": len(messages)}
        due = next_page_time(campaign, now, len(messages))
        total_counts = summed_counts(campaign.counts, counts)
        await campaigns.set_progress(work.connection, campaign_id, "noticing", page[-1].id, total_counts, due)
        await append(work.connection, [announce(message) for message in messages])
    return len(page)


async def _select_candidates(
    work: UnitOfWork, campaign: Campaign, page: Sequence[InsuredRow], now: datetime
) -> tuple[list[Candidate], dict[str, int]]:
    """Returns the candidates to notify, and the numbers of skipped ones by reason."""
    people = open_candidates(work.keyrings, page)
    statuses = await load_fingerprint_statuses(work.connection, people)
    skips = {person.row.id: skip_reason(person, statuses, now.date()) for person in people}
    eligible = [person.row.id for person in people if skips[person.row.id] is None]
    noticed = await campaigns.insert_notices(work.connection, campaign.id, eligible, now)
    skips |= {id: "noticed-before" for id in eligible if id not in noticed}
    return [person for person in people if person.row.id in noticed], dict(
        Counter(skip for skip in skips.values() if skip)
    )


def _messages(
    keyrings: Keyrings, rules: OpeningRules, campaign: Campaign, selected: Sequence[Candidate], now: datetime
) -> list[MessageRequested]:
    until = objection_deadline(now, campaign.window_days)
    values = {"deadline": until.date().isoformat(), "url": rules.objection_url}
    requests = [
        mail_or_letter_request(
            keyrings.contacts, clock.new_id(), None, candidate.insured.contact_details, "opening-notice", values, until
        )
        for candidate in selected
    ]
    return [request for request in requests if request is not None]
