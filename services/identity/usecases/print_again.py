"""Prints a page of a campaign's letters again: the same codes, derived anew from the key of their wave."""

from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.activation import CodeBatch, IssuedCode, open_code_batch, reprinted_letter_id
from services.identity.domain.campaigns import CampaignUnknownError
from services.identity.domain.insured import open_insured
from services.identity.domain.openings import mail_or_letter_request
from services.identity.domain.sealing import Keyrings
from services.identity.store import activation, campaigns, insured
from services.identity.usecases.issue_code import code_values
from shared.contracts.notify import MessageRequested
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of

_BEFORE_ALL = (-1, UUID(int=0))


async def print_again(
    pool: Pool, keyrings: Keyrings, campaign_id: UUID, printing: UUID, after: UUID | None, limit: int
) -> tuple[int, UUID | None]:
    """Codes that can still be used, in order of (bucket, record), after that record. Returns how many letters were
    asked for, and after which record the next page begins (None: there is none).

    `printing`: chosen by who asks; a page asked for again under the same one is not sent twice. Raises
    CampaignUnknownError.
    """
    place = _BEFORE_ALL if after is None else (bucket_of(after), after)
    async with transaction(pool) as connection:
        campaign = await campaigns.load_campaign(connection, campaign_id)
        found = None if campaign is None else await activation.load_wave_by_id(connection, campaign.wave_id)
        if found is None:
            raise CampaignUnknownError
        wave = open_code_batch(*found, keyrings.persons)
        page = await activation.page_of_codes(connection, wave.id, place, limit)
        asked = [await _letter(connection, keyrings, wave, one, printing) for one in page]
        letters = [one for one in asked if one is not None]
        await append(connection, [announce(one) for one in letters])
    return len(letters), page[-1].record_id if len(page) == limit else None


async def _letter(
    connection: Connection, keyrings: Keyrings, wave: CodeBatch, code: IssuedCode, printing: UUID
) -> MessageRequested | None:
    """To where the register says now; None for a code that is over, or a person who is no longer in the register."""
    row = await insured.find_insured(connection, [code.person])
    if row is None or code.expires_at <= clock.now():
        return None
    contact_details = open_insured(keyrings.persons, row).contact_details
    values = code_values(wave.code(code.person, code.attempt), code.expires_at)
    id = reprinted_letter_id(printing, code.record_id, code.attempt)
    return mail_or_letter_request(
        keyrings.contacts, id, code.record_id, contact_details, "activation-code", values, code.expires_at
    )
