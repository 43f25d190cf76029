"""Whether a contact that was stated for a person counts now, beside the one on file, which is told of a new one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.identity.domain.care import new_code
from services.identity.domain.contacts import Note, moment
from services.identity.domain.insured import Reach
from services.identity.domain.opening import Contact
from services.identity.domain.openings import OpeningRules, any_way, reach_of
from services.identity.domain.proposals import (
    MOST_AT_ONCE,
    Proposal,
    contact_hashes,
    is_empty,
    objection_hashes,
    stated_anew,
    wait_until,
)
from services.identity.domain.sealing import Keyrings
from services.identity.store import proposals
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.runtime import clock

Stands = Literal["counts", "proposed", "waits", "refused"]


@dataclass(frozen=True, slots=True)
class Weighed:
    """`reach`: where the person is told things now. `counts_from`: from when on a contact that waits counts."""

    stands: Stands
    reach: Reach
    counts_from: datetime | None = None
    messages: tuple[MessageRequested, ...] = ()


async def weigh_contact(
    connection: Connection,
    keyrings: Keyrings,
    lookups: Keyring,
    rules: OpeningRules,
    person: Sequence[str],
    stated: Contact,
    on_file: Reach,
) -> Weighed:
    """In the caller's transaction; `messages` are to be announced. `person`: the fingerprints of the INS, the active
    one first."""
    merged, anew = reach_of(stated, on_file), stated_anew(stated, on_file)
    if anew is None or is_empty(on_file):
        return Weighed("counts", merged)
    now, hashes = clock.now(), contact_hashes(lookups, anew)
    known = await proposals.proposals_of(connection, person, now)
    before = next((one for one in known if one.contact_hash in hashes), None)
    if before is not None and before.counts(now):
        return Weighed("counts", merged)
    if before is not None:
        return Weighed("waits", on_file, before.counts_from) if before.waits(now) else Weighed("refused", on_file)
    if sum(one.waits(now) for one in known) >= MOST_AT_ONCE:
        return Weighed("refused", on_file)
    code = new_code()
    counts_from = wait_until(now, rules.contact_wait_h, on_file)
    new = Proposal(person[0], hashes[0], objection_hashes(lookups, code)[0], now, counts_from)
    if not await proposals.insert_proposal(connection, new):
        return Weighed("waits", on_file, counts_from)
    return Weighed("proposed", on_file, counts_from, _told(keyrings, rules, anew, on_file, (code, counts_from)))


def _told(
    keyrings: Keyrings, rules: OpeningRules, anew: Contact, on_file: Reach, sent: tuple[str, datetime]
) -> tuple[MessageRequested, ...]:
    """What is on file gets the code to object; the new contact learns from when on it counts."""
    code, counts_from = sent
    when = moment(counts_from)
    proposed = Note("contact-proposed", {"code": code, "when": when, "url": rules.objection_url})
    pending = Note("contact-pending", {"when": when})
    reach = Reach(anew.mail, anew.mobile, (), anew.language)
    messages = [
        any_way(keyrings.contacts, clock.new_id(), None, on_file, proposed),
        any_way(keyrings.contacts, clock.new_id(), None, reach, pending),
    ]
    return tuple(one for one in messages if one is not None)
