"""Reprints a page of a campaign's letters. The codes are derived again from the key of their batch."""

from uuid import UUID

from services.identity.campaigns import store as campaigns
from services.identity.campaigns.domain import CampaignUnknownError
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.openings.domain.activation import CodeBatch, IssuedCode, open_code_batch, reprinted_letter_id
from services.identity.openings.domain.openings import mail_or_letter_request
from services.identity.openings.steps import code_values
from services.identity.openings.store import activation
from services.identity.people.domain.insured import open_insured
from services.identity.people.store import insured
from shared.contracts.notify import MessageRequested
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of

_FIRST_POSITION = (-1, UUID(int=0))


async def reprint_letters(
    storage: Storage, campaign_id: UUID, printing: UUID, after: UUID | None, limit: int
) -> tuple[int, UUID | None]:
    """Requests letters for the usable codes after that record, in order of (bucket, record id). Returns the number of
    requested letters, and the record after which the next page begins, or None.

    `printing`: an id chosen by the caller; a page that is requested again under one id is not sent twice. Raises
    CampaignUnknownError.
    """
    position = _FIRST_POSITION if after is None else (bucket_of(after), after)
    async with storage.transaction() as work:
        campaign = await campaigns.load_campaign(work.connection, campaign_id)
        batch_row = (
            None if campaign is None else await activation.load_code_batch_by_id(work.connection, campaign.wave_id)
        )
        if batch_row is None:
            raise CampaignUnknownError
        batch = open_code_batch(*batch_row, storage.keyrings.persons)
        page = await activation.page_of_codes(work.connection, batch.id, position, limit)
        messages = [await _letter(work, batch, code, printing) for code in page]
        letters = [message for message in messages if message is not None]
        await append(work.connection, [announce(letter) for letter in letters])
    return len(letters), page[-1].record_id if len(page) == limit else None


async def _letter(work: UnitOfWork, batch: CodeBatch, code: IssuedCode, printing: UUID) -> MessageRequested | None:
    """Returns the letter, to the current address in the register; None when the code has expired or the person is no
    longer in the register."""
    row = await insured.find_insured(work.connection, [code.person])
    if row is None or code.expires_at <= clock.now():
        return None
    contact_details = open_insured(work.keyrings.persons, row).contact_details
    values = code_values(batch.code(code.person, code.attempt), code.expires_at)
    id = reprinted_letter_id(printing, code.record_id, code.attempt)
    return mail_or_letter_request(
        work.keyrings.contacts, id, code.record_id, contact_details, "activation-code", values, code.expires_at
    )
