"""The possible readers of a record for a preview: those named by its choices, and imagined ones.

A professional has the profession of the directory. One who no longer practises has none, and so sees nothing. One whom
the directory does not know counts as a doctor (`assumed`), the profession that may see most. The members of a structure
or a care team are not known here: one doctor represents them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from services.records.copies.domain.choices import Choices
from services.records.copies.domain.copies import ProfessionsById
from shared.contracts.base import Actor
from shared.terminology import access_modes
from shared.terminology.professions import DOCTOR

PROFESSIONS = ("G15_10", "G15_21", "G15_40", "G15_50", "G15_60", "G15_70", "G15_80", "G15_91")
"""The professions for each of which one reader is imagined, authorised by the patient."""
IMAGINED_ID = "imagined"
ReaderRole = Literal["professional", "structure", "care-team", "attending-doctor", "emergency", "profession"]


@dataclass(frozen=True, slots=True)
class ImaginedReader:
    """A possible reader; a `Requester` for the rules."""

    role: ReaderRole
    id: str
    profession: str | None = DOCTOR
    organisation_id: str | None = None
    mode: str = "normal"
    motive: str | None = None
    kind: str = "professional"
    client_id: str = IMAGINED_ID
    record_id: UUID | None = None
    session_id: UUID | None = None
    patient_present: UUID | None = None
    never: str | None = None
    is_newcomer: bool = False
    """The record's choices do not name this reader: supposed to be authorised by the patient."""
    assumed: bool = False
    """The directory does not know this reader: supposed to be a doctor."""

    @property
    def displayed_id(self) -> str:
        """The id by which the patient knows the reader: national id, emergency mode or profession."""
        if self.role == "emergency":
            return self.mode
        if self.role == "profession":
            return self.profession or ""
        return self.organisation_id or self.id

    def names(self, record_id: UUID) -> bool:
        """Returns whether the reader is in an emergency, which is always for the record in question."""
        return self.mode != "normal"

    def actor(self) -> Actor:
        """Returns the reader for the ledger."""
        return Actor(kind="professional", id=self.id)


def possible_readers(
    choices: Choices, professions: ProfessionsById, in_question: frozenset[str] = frozenset()
) -> list[ImaginedReader]:
    """Returns the readers who may see documents of the record now or in an emergency, and one of each profession.

    `in_question`: further professionals, who may read as authors or as staff of a structure.
    """
    readers = [*_authorised_readers(choices, professions), *_attending_doctors(choices, professions)]
    others = sorted(in_question - {reader.id for reader in readers})
    return [
        *readers,
        *(_named_reader("professional", id, professions) for id in others),
        *(
            ImaginedReader("emergency", IMAGINED_ID, mode=mode, motive="-")
            for mode in (access_modes.BREAK_GLASS, access_modes.REGULATION_CENTRE)
        ),
        *(ImaginedReader("profession", IMAGINED_ID, profession=code, is_newcomer=True) for code in PROFESSIONS),
    ]


def _authorised_readers(choices: Choices, professions: ProfessionsById) -> Iterable[ImaginedReader]:
    grantees = {(authorisation["holder_id"], is_attestation(authorisation)) for authorisation in choices.authorisations}
    for grantee_id, is_care_team in sorted(grantees):
        if is_care_team:
            yield ImaginedReader("care-team", IMAGINED_ID, organisation_id=grantee_id)
        elif is_structure(grantee_id):
            yield ImaginedReader("structure", IMAGINED_ID, organisation_id=grantee_id)
        else:
            yield _named_reader("professional", grantee_id, professions)


def _attending_doctors(choices: Choices, professions: ProfessionsById) -> Iterable[ImaginedReader]:
    return (_named_reader("attending-doctor", id, professions) for id in sorted(choices.attending_doctors))


def _named_reader(role: ReaderRole, id: str, professions: ProfessionsById) -> ImaginedReader:
    return ImaginedReader(role, id, profession=professions.get(id, DOCTOR), assumed=id not in professions)


def ways_to_read(reader: ImaginedReader, choices: Choices, in_question: frozenset[str]) -> list[ImaginedReader]:
    """Returns the reader in person, and for a professional in question also as staff of each structure that may read.

    The employers of professionals are not known here, so the most that one in question may see is counted.
    """
    if reader.id not in in_question:
        return [reader]
    grantee_ids = {authorisation["holder_id"] for authorisation in choices.authorisations}
    structures = sorted(grantee_id for grantee_id in grantee_ids if is_structure(grantee_id))
    return [reader, *(replace(reader, organisation_id=structure) for structure in structures)]


def is_structure(national_id: str) -> bool:
    """Returns whether a national id is a structure's; a professional's has 12 digits and begins with 0 or 8."""
    return not (len(national_id) == 12 and national_id[0] in "08" and national_id.isascii() and national_id.isdigit())


def is_attestation(authorisation: Mapping[str, Any]) -> bool:
    """Returns whether a structure attested this authorisation for its care team; else the patient side gave it."""
    return bool(authorisation["how"] == "care-team")
