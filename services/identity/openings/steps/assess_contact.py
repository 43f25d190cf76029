"""Assesses a contact stated for a person beside the one on file, which is notified of a new one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.identity.kit.sealed_rows import Keyrings
from services.identity.openings.domain.openings import OpeningRules, merged_contact_details, request_by_any_channel
from services.identity.openings.domain.proposals import (
    MAX_PENDING,
    ContactProposal,
    contact_hashes,
    effective_from,
    is_unreachable,
    new_contact,
    objection_hashes,
)
from services.identity.openings.store import proposals
from services.identity.people.domain.contacts import MessageContent, utc_minute
from services.identity.people.domain.insured import ContactDetails
from services.identity.people.domain.new_person import Contact
from services.identity.relations.domain.care import new_invitation_code
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.runtime import clock

ContactStanding = Literal["in-force", "proposed", "pending", "refused"]


@dataclass(frozen=True, slots=True)
class ContactAssessment:
    """Whether a stated contact may be used now.

    `contact_details`: where the person can be reached now. `in_force_from`: when a pending contact comes into force.
    """

    standing: ContactStanding
    contact_details: ContactDetails
    in_force_from: datetime | None = None
    messages: tuple[MessageRequested, ...] = ()


async def assess_contact(
    connection: Connection,
    keyrings: Keyrings,
    lookups: Keyring,
    rules: OpeningRules,
    person: Sequence[str],
    stated: Contact,
    on_file: ContactDetails,
) -> ContactAssessment:
    """Assesses in the caller's transaction; `messages` are to be announced. `person`: the fingerprints of the INS, the
    active one first."""
    merged, unknown_details = merged_contact_details(stated, on_file), new_contact(stated, on_file)
    if unknown_details is None or is_unreachable(on_file):
        return ContactAssessment("in-force", merged)
    now, hashes = clock.now(), contact_hashes(lookups, unknown_details)
    proposed = await proposals.load_proposals(connection, person, now)
    earlier = next((proposal for proposal in proposed if proposal.contact_hash in hashes), None)
    if earlier is not None and earlier.is_in_force(now):
        return ContactAssessment("in-force", merged)
    if earlier is not None:
        return (
            ContactAssessment("pending", on_file, earlier.counts_from)
            if earlier.is_pending(now)
            else ContactAssessment("refused", on_file)
        )
    if sum(proposal.is_pending(now) for proposal in proposed) >= MAX_PENDING:
        return ContactAssessment("refused", on_file)
    code = new_invitation_code()
    in_force_from = effective_from(now, rules.contact_wait_h, on_file)
    new = ContactProposal(person[0], hashes[0], objection_hashes(lookups, code)[0], now, in_force_from)
    if not await proposals.insert_proposal(connection, new):
        return ContactAssessment("pending", on_file, in_force_from)
    return ContactAssessment(
        "proposed", on_file, in_force_from, _messages(keyrings, rules, unknown_details, on_file, (code, in_force_from))
    )


def _messages(
    keyrings: Keyrings,
    rules: OpeningRules,
    unknown_details: Contact,
    on_file: ContactDetails,
    code_and_time: tuple[str, datetime],
) -> tuple[MessageRequested, ...]:
    """Returns the message to the contact on file with the objection code, and the one to the new contact with the time
    from which it is in force."""
    code, in_force_from = code_and_time
    when = utc_minute(in_force_from)
    proposed = MessageContent("contact-proposed", {"code": code, "when": when, "url": rules.objection_url})
    pending = MessageContent("contact-pending", {"when": when})
    contact_details = ContactDetails(unknown_details.mail, unknown_details.mobile, (), unknown_details.language)
    messages = [
        request_by_any_channel(keyrings.contacts, clock.new_id(), None, on_file, proposed),
        request_by_any_channel(keyrings.contacts, clock.new_id(), None, contact_details, pending),
    ]
    return tuple(message for message in messages if message is not None)
