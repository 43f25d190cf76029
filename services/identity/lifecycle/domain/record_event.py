"""The event that announces a record's state to the other services."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from services.identity.lifecycle.domain.lifecycle import LifecycleState
from services.identity.people.domain.new_person import Person
from shared.contracts.identity import RecordChanged, TraitFingerprints
from shared.crypto.fingerprints import ins_parts, trait_fingerprints
from shared.crypto.keyring import Keyring

ANNOUNCED_STATUSES: Final[Mapping[LifecycleState, Literal["open", "closed"]]] = {
    "open": "open",
    "closed": "closed",
    "dead": "closed",
}
"""The status announced for each state of an existing record."""


def record_changed(
    keyring: Keyring,
    record_id: UUID,
    version: int,
    state: LifecycleState,
    person: Person,
    opened_at: datetime,
    *,
    linked_to: UUID | None,
) -> RecordChanged:
    """Returns the event with the record's whole state at this version. `keyring`: the ring of the INS; `linked_to`: the
    record to which this one is linked now."""
    return RecordChanged(
        record_id=record_id,
        version=version,
        status=ANNOUNCED_STATUSES[state],
        ins=keyring.fingerprint(*ins_parts(person.ins)),
        traits=TraitFingerprints(**trait_fingerprints(keyring, record_id, person.traits.normalised())),
        opened_at=opened_at,
        linked_to=linked_to,
        deceased=state == "dead",
    )
