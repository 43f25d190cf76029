"""Whether a document is about the holder of its record, by the header of the CDA."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.records.copies.domain.traits import differing_traits
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.values import Ins, RedactedRepr, SentTraits

IdentityFault = Literal["other-patient", "identity-unchecked"]


@dataclass(frozen=True, slots=True, repr=False)
class HolderIdentity(RedactedRepr):
    """What is known of the holder: the INS with which the document was deposited, fingerprints of INS and traits.

    `traits` None: they were compared before, and those of the record may have been corrected since.
    """

    record_id: UUID
    deposited_ins: Ins | None
    ins: str
    traits: Mapping[str, str | None] | None


def identity_fault(
    ring: Keyring, holder: HolderIdentity, ins: Sequence[Ins], traits: SentTraits
) -> IdentityFault | None:
    """Returns why the facts of a document with this INS and these traits must not be read; None where it is the
    holder's.

    A document that states neither an INS nor birth name and birth date is nobody's. `ring`: of the fingerprints.
    """
    if not ins and not (traits.birth_name and traits.birth_date):
        return "identity-unchecked"
    if ins and not any(_is_holders(ring, holder, each) for each in ins):
        return "other-patient"
    if holder.traits is not None and differing_traits(ring, holder.record_id, holder.traits, traits):
        return "other-patient"
    return None


def _is_holders(ring: Keyring, holder: HolderIdentity, ins: Ins) -> bool:
    parts = ins_parts(ins)
    if holder.deposited_ins is not None and ins_parts(holder.deposited_ins) == parts:
        return True
    return ring.matches(holder.ins, *parts)
