"""Decides which applicants may open a record alone, and sends them a code. The others receive nothing.

The code goes to the contact on file if there is one; a stated contact beside it comes into force after a waiting time.
"""

from dataclasses import replace
from datetime import date

from services.identity.accounts.domain.codes import new_code
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.openings.domain.online import (
    CODE_LIFETIME,
    ApplicantFacts,
    OnlineOpening,
    OpeningRequest,
    may_open_alone,
    opening_code_hash,
    seal_opening_request,
)
from services.identity.openings.domain.openings import OpeningRules, contact_from_details
from services.identity.openings.steps import ContactAssessment, assess_contact, state_of_person
from services.identity.openings.store import online
from services.identity.people.domain.contacts import MessageContent, message_request
from services.identity.people.domain.insured import InsuredPerson, InsuredRow, is_card_of, open_insured
from services.identity.people.store import insured
from shared.contracts.notify import MessageRequested
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.messaging.outbox import append
from shared.runtime import clock

PAGE_ROWS = 50
_HOURS = str(int(CODE_LIFETIME.total_seconds() // 3600))


async def send_opening_codes(storage: Storage, lookups: Keyring, rules: OpeningRules) -> int:
    """Processes one page of requests, oldest first. Returns how many were decided."""
    now = clock.now()
    async with storage.transaction() as work:
        waiting = await online.lock_undecided(work.connection, now, PAGE_ROWS)
        messages: list[MessageRequested] = []
        for opening in waiting:
            request = opening.open_request(storage.keyrings.persons)
            insured_person = await _find_insured(work, request)
            if insured_person is None or not may_open_alone(
                await _applicant_facts(work, request, *insured_person), now.date()
            ):
                await online.set_code(work.connection, opening.id, None)
                continue
            fingerprints, on_file = (
                storage.keyrings.ins.fingerprints(*ins_parts(request.ins)),
                insured_person[1].contact_details,
            )
            assessment = await assess_contact(work, lookups, rules, fingerprints, request.contact, on_file)
            messages += assessment.messages
            messages += await _send_code(work, lookups, opening, _addressed_request(request, assessment))
        await append(work.connection, [announce(message) for message in messages])
    return len(waiting)


def _addressed_request(request: OpeningRequest, assessment: ContactAssessment) -> OpeningRequest | None:
    """Returns the request with the contact that receives the code: the stated one if in force; else the one on file,
    once for each stated contact, so that nobody can trigger endless codes; None: no code."""
    if assessment.standing == "in-force":
        return request
    contact = contact_from_details(assessment.contact_details)
    reached = assessment.standing == "proposed" and (contact.mail is not None or contact.mobile is not None)
    return replace(request, contact=contact) if reached else None


async def _send_code(
    work: UnitOfWork, lookups: Keyring, opening: OnlineOpening, request: OpeningRequest | None
) -> list[MessageRequested]:
    if request is None:
        await online.set_code(work.connection, opening.id, None)
        return []
    code = new_code()
    await online.set_request(work.connection, opening.id, seal_opening_request(work.keyrings, opening.id, request))
    await online.set_code(work.connection, opening.id, opening_code_hash(lookups, opening.id, code))
    content = MessageContent("opening-code", {"code": code, "hours": _HOURS}, opening.expires_at)
    return [message_request(work.keyrings.contacts, opening.id, None, request.contact, content)]


async def _find_insured(work: UnitOfWork, request: OpeningRequest) -> tuple[InsuredRow, InsuredPerson] | None:
    row = await insured.find_insured(work.connection, work.keyrings.ins.fingerprints(*ins_parts(request.ins)))
    return None if row is None else (row, open_insured(work.keyrings.persons, row))


async def _applicant_facts(
    work: UnitOfWork, request: OpeningRequest, row: InsuredRow, insured_person: InsuredPerson
) -> ApplicantFacts:
    person, fingerprints = insured_person.person, work.keyrings.ins.fingerprints(*ins_parts(request.ins))
    assert person.traits.birth_date is not None, "the register has every birth date"
    return ApplicantFacts(
        regime=row.regime,
        birth_date=date.fromisoformat(person.traits.birth_date),
        is_own_card=is_card_of(work.keyrings.ins, row, request.ins, request.card_serial),
        state=await state_of_person(work.connection, fingerprints),
        status=person.status,
    )
