"""Finds the record of a stated representative."""

from uuid import UUID

from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.store import records
from services.identity.relations.domain.representation import RepresentativeUnfitError
from shared.crypto.fingerprints import ins_parts
from shared.values import Ins

UNKNOWN_RECORD = UUID(int=0)
"""Placeholder for the record of a stated number until it is found."""


async def find_representative(work: UnitOfWork, ins: Ins) -> UUID:
    """Returns the record of the representative. Raises RepresentativeUnfitError where there is none."""
    record_id = await records.find_record(work.connection, work.keyrings.ins.fingerprints(*ins_parts(ins)))
    if record_id is None:
        raise RepresentativeUnfitError
    return record_id
