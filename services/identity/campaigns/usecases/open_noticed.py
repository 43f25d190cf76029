"""Opens a page of records of people whom a campaign notified and who did not object, and sends activation codes."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.identity.campaigns import store as campaigns
from services.identity.campaigns.domain import Campaign, Candidate, next_page_time, skip_reason, summed_counts
from services.identity.campaigns.steps import load_fingerprint_statuses, open_candidates
from services.identity.figures import store as figures
from services.identity.figures.domain import counted_region
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.openings.domain.activation import CodeBatch, issued_code, open_code_batch
from services.identity.openings.domain.openings import OpeningRules, contact_from_details, mail_or_letter_request
from services.identity.openings.domain.records import NewRecord, new_record
from services.identity.openings.steps import code_values
from services.identity.openings.store import activation, openings
from services.identity.people.store import records
from shared.contracts.base import Event
from shared.crypto.keyring import Keyring
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of


async def open_noticed(storage: Storage, lookups: Keyring, rules: OpeningRules, campaign_id: UUID) -> int:
    """Returns how many notices were processed; 0 when there is nothing to do now. One transaction for each page."""
    now = clock.now()
    async with storage.transaction() as work:
        campaign = await campaigns.lock_campaign(work.connection, campaign_id)
        if campaign is None or campaign.status == "noticing" or not campaign.is_due(now):
            return 0
        page = await campaigns.load_noticed_page(work.connection, campaign_id, campaign.after, rules.page)
        if not page:
            await campaigns.set_done(work.connection, campaign_id, now)
            return 0
        people = open_candidates(storage.keyrings, page)
        await records.lock_ins(
            work.connection, [fingerprint for person in people for fingerprint in person.fingerprints]
        )
        statuses = await load_fingerprint_statuses(work.connection, people)
        skips = {person.row.id: skip_reason(person, statuses, now.date()) for person in people}
        selected = [person for person in people if skips[person.row.id] is None]
        events = await _open_records(work, lookups, campaign, selected, now)
        passed = Counter(f"{skip}-since" for skip in skips.values() if skip)
        counts = summed_counts(campaign.counts, {**passed, "opened": len(selected)})
        due = next_page_time(campaign, now, len(page))
        await campaigns.set_progress(work.connection, campaign_id, "opening", page[-1].id, counts, due)
        await append(work.connection, [announce(event) for event in events])
    return len(page)


async def _open_records(  # the parts of a page of openings
    work: UnitOfWork, lookups: Keyring, campaign: Campaign, selected: Sequence[Candidate], now: datetime
) -> list[Event]:
    if not selected:
        return []
    batch_row = await activation.load_code_batch_by_id(work.connection, campaign.wave_id)
    assert batch_row is not None, "a campaign is created with its code batch"
    wave = open_code_batch(*batch_row, work.keyrings.persons)
    new_records = [_new_record(work.keyrings, campaign, candidate, now) for candidate in selected]
    await openings.insert_records(work.connection, new_records)
    codes = [issued_code(wave, lookups, record.record_id, record.fingerprint, 1, now) for record in new_records]
    await activation.insert_codes(work.connection, codes)
    await activation.add_to_code_batch(work.connection, wave.id, len(codes))
    numbers = Counter(("automatic", counted_region(candidate.row.region)) for candidate in selected)
    await figures.count_life_events(work.connection, "opening", numbers, now)
    events: list[Event] = []
    for candidate, new, code in zip(selected, new_records, codes, strict=True):
        events += [*new.events, *_code_letter(work.keyrings, wave, candidate, new, code.expires_at)]
    return events


def _new_record(keyrings: Keyrings, campaign: Campaign, candidate: Candidate, now: datetime) -> NewRecord:
    record_id = clock.new_id()
    ids = record_id, clock.new_id(bucket_of(record_id))
    contact = contact_from_details(candidate.insured.contact_details)
    return new_record(keyrings, ids, candidate.insured.person, contact, "automatic", campaign.actor, now)


def _code_letter(
    keyrings: Keyrings, wave: CodeBatch, candidate: Candidate, new: NewRecord, expires_at: datetime
) -> list[Event]:
    values = code_values(wave.code(new.fingerprint, 1), expires_at)
    contact_details = candidate.insured.contact_details
    letter = mail_or_letter_request(
        keyrings.contacts, clock.new_id(), new.record_id, contact_details, "activation-code", values, expires_at
    )
    return [] if letter is None else [letter]
