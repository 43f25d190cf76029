"""Opens a page of the records of those whom a campaign told and who did not object, with codes for their accounts."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.activation import Wave, issue, open_wave
from services.identity.domain.campaigns import Campaign, Candidate, counted, next_page, skip_of
from services.identity.domain.figures import region_of
from services.identity.domain.openings import OpeningRules, contact_of, mail_or_letter
from services.identity.domain.records import NewRecord, new_record
from services.identity.domain.sealing import Keyrings
from services.identity.store import activation, campaigns, figures, openings, records
from services.identity.usecases.issue_code import code_values
from services.identity.usecases.send_notices import candidates, known_of
from shared.contracts.base import Event
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of


async def open_noticed(pool: Pool, keyrings: Keyrings, lookups: Keyring, rules: OpeningRules, campaign_id: UUID) -> int:
    """Returns how many notices were looked at; 0 when there is nothing to do now. One transaction a page."""
    now = clock.now()
    async with transaction(pool) as connection:
        campaign = await campaigns.lock_campaign(connection, campaign_id)
        if campaign is None or campaign.status == "noticing" or not campaign.is_due(now):
            return 0
        page = await campaigns.page_of_noticed(connection, campaign_id, campaign.after, rules.page)
        if not page:
            await campaigns.set_done(connection, campaign_id, now)
            return 0
        people = candidates(keyrings, page)
        await records.lock_ins(connection, [one for person in people for one in person.fingerprints])
        known = await known_of(connection, people)
        skips = {one.row.id: skip_of(one, known, now.date()) for one in people}
        chosen = [one for one in people if skips[one.row.id] is None]
        events = await _open(connection, keyrings, lookups, campaign, chosen, now)
        passed = Counter(f"{skip}-since" for skip in skips.values() if skip)
        done = counted(campaign.counts, {**passed, "opened": len(chosen)})
        due = next_page(campaign, now, len(page))
        await campaigns.set_progress(connection, campaign_id, "opening", page[-1].id, done, due)
        await append(connection, [announce(one) for one in events])
    return len(page)


async def _open(  # what a page of openings is made of
    connection: Connection,
    keyrings: Keyrings,
    lookups: Keyring,
    campaign: Campaign,
    chosen: Sequence[Candidate],
    now: datetime,
) -> list[Event]:
    if not chosen:
        return []
    found = await activation.load_code_batch_by_id(connection, campaign.wave_id)
    assert found is not None, "a campaign is made with its wave"
    wave = open_wave(*found, keyrings.persons)
    opened = [_new(keyrings, campaign, one, now) for one in chosen]
    await openings.insert_records(connection, opened)
    codes = [issue(wave, lookups, one.record_id, one.fingerprint, 1, now) for one in opened]
    await activation.insert_codes(connection, codes)
    await activation.add_to_code_batch(connection, wave.id, len(codes))
    numbers = Counter(("automatic", region_of(one.row.region)) for one in chosen)
    await figures.count_life_events(connection, "opening", numbers, now)
    events: list[Event] = []
    for candidate, new, code in zip(chosen, opened, codes, strict=True):
        events += [*new.events, *_letter(keyrings, wave, candidate, new, code.expires_at)]
    return events


def _new(keyrings: Keyrings, campaign: Campaign, candidate: Candidate, now: datetime) -> NewRecord:
    record_id = clock.new_id()
    ids = record_id, clock.new_id(bucket_of(record_id))
    contact = contact_of(candidate.insured.reach)
    return new_record(keyrings, ids, candidate.insured.person, contact, "automatic", campaign.actor, now)


def _letter(keyrings: Keyrings, wave: Wave, candidate: Candidate, new: NewRecord, expires_at: datetime) -> list[Event]:
    values = code_values(wave.code(new.fingerprint, 1), expires_at)
    reach = candidate.insured.reach
    message = mail_or_letter(
        keyrings.contacts, clock.new_id(), new.record_id, reach, "activation-code", values, expires_at
    )
    return [] if message is None else [message]
