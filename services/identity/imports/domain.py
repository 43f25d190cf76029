"""The progress of file imports, the errors of files and lines, and the public extraction of the Annuaire Santé.

The extraction (PS_LibreAcces_Personne_activite) has one line for each activity of a professional. Source: ANS,
"Annuaire Santé, données en accès libre", file of persons and activities; columns in docs/imports.md.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.identity.directory.domain.directory import (
    Professional,
    ProfessionUnknownError,
    professional_id,
    specialty_code,
    structure_id,
)
from services.identity.people.domain.insured import InsuredPerson, InsuredRowUpdate
from shared.errors import CodedError, ConflictError, InvalidError
from shared.human_text import has_control_character
from shared.terminology.professions import professions
from shared.values import InvalidNationalIdError

ImportKind = Literal["insured", "directory"]
ImportStep = Literal["reading", "structures", "professionals", "absent", "done"]
_ALWAYS_PLAUSIBLE = 100


class ImportRunningError(ConflictError):
    """Another import of this kind is running. Wait until it has ended."""

    code = "import-running"
    french = "Un autre import du même genre est en cours. Attendez qu’il finisse."


class ImportOvertakenError(ConflictError):
    """Another import of this file has made progress in the meantime. Begin again with --resume."""

    code = "import-overtaken"
    french = "Un autre import du même fichier a avancé entre-temps. Recommencez avec --resume."


class AbsenceImplausibleError(ConflictError):
    """More than a tenth of the active professionals are not in this file. If it is complete, say --strike-off-many."""

    code = "absence-implausible"
    french = (
        "Plus d’un dixième des professionnels actifs manquent dans ce fichier. S’il est complet : --strike-off-many."
    )


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Identifies a file by the SHA-256 of its first MiB and its size in bytes."""

    digest: bytes
    size: int


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """The progress of an import: bytes and lines read, rows changed, lines rejected.

    `rejected_bytes`: the length of the file of rejected lines; `unreadable`: the number of rejected lines that do not
    identify a person; `cursor`: the last id that the present step has processed.
    """

    started_at: datetime
    offset: int = 0
    lines: int = 0
    changed: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    unreadable: int = 0
    step: ImportStep = "reading"
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class InsuredBatch:
    """The sealed persons, each once, and those persons by their fingerprints under older keys."""

    sealed: Sequence[InsuredRowUpdate]
    older: Mapping[str, InsuredPerson]


def is_plausible_absence(active: int, absent: int) -> bool:
    """Returns whether so many professionals may have left between two extractions.

    Beyond that, a truncated file is the likelier cause.
    """
    return absent <= max(_ALWAYS_PLAUSIBLE, active // 10)


COLUMN_TITLES = {
    "id_kind": "Type d'identifiant PP",
    "id_number": "Identifiant PP",
    "id": "Identification nationale PP",
    "title": "Code civilité d'exercice",
    "family_name": "Nom d'exercice",
    "given_name": "Prénom d'exercice",
    "profession": "Code profession",
    "category": "Code catégorie professionnelle",
    "specialty": "Code savoir-faire",
    "siret": "Numéro SIRET site",
    "siren": "Numéro SIREN site",
    "finess": "Numéro FINESS site",
    "legal_finess": "Numéro FINESS établissement juridique",
    "technical_id": "Identifiant technique de la structure",
    "structure_name": "Raison sociale site",
}
REQUIRED_COLUMNS = ("id", "family_name", "given_name", "profession", "specialty", "finess", "siret", "technical_id")
_HONORIFICS = {"DR": "Dr", "PR": "Pr"}
_STUDENT = "E"
_TABLES = ("TRE_G15", "TRE_R95", "TRE_R94", "TRE_R291")
_LONGEST_NAME = 200
# Struct_IdNat: the type digit and the number. The first letter of a technical identifier gives its type.
_KINDS = (("finess", "1"), ("siret", "3"), ("siren", "2"), ("legal_finess", "1"))
_TECHNICAL_KINDS = {"F": "1", "R": "4", "C": "0"}


class NameMissingError(InvalidError):
    """A professional has a professional name of at most 200 characters, none of them a control character."""

    code = "professional-name-missing"
    french = "Un professionnel a un nom d’exercice de 200 caractères au plus, sans caractère de contrôle."


class StructureNameError(InvalidError):
    """The name of a structure holds a control character."""

    code = "structure-name-invalid"
    french = "Le nom d’une structure contient un caractère de contrôle."


@dataclass(frozen=True, slots=True)
class ActivityLine:
    """A line of the extraction.

    `profession` is None if unknown to this system; `structure_id` is None without a place of work.
    """

    professional_id: str
    line: int
    name: str
    profession: str | None
    specialty: str | None
    structure_id: str | None
    structure_name: str | None


@dataclass(frozen=True, slots=True)
class ProfessionalActivities:
    """The combined content of all lines about one professional."""

    professional_id: str
    names: Sequence[str]
    professions: Sequence[str]
    specialties: Sequence[str]
    structure_ids: Sequence[str]


def parse_activity(number: int, fields: Mapping[str, str]) -> tuple[ActivityLine, CodedError | None]:
    """Returns the line, and the error of a field that is unusable.

    The professional then counts as present, without that field. Raises InvalidNationalIdError or NameMissingError when
    the line does not identify a professional.
    """
    identifier = professional_id(fields["id"])
    name = _name(fields)
    errors: list[CodedError] = []
    profession = _parsed(errors, lambda: _profession(fields["profession"], fields.get("category", "")))
    specialty = _parsed(errors, lambda: specialty_code(fields["specialty"]) if fields["specialty"] else None)
    structure = _parsed(errors, lambda: _structure(fields))
    place = _parsed(errors, lambda: _structure_name(fields) if structure else None)
    line = ActivityLine(identifier, number, name, profession, specialty, structure, place)
    return line, errors[0] if errors else None


def rejected_activity(number: int, fields: Mapping[str, str]) -> ActivityLine | None:
    """Returns what a rejected line still tells: the professional whom its columns of identifiers name. None: they name
    nobody."""
    for text in (fields.get("id", ""), fields.get("id_kind", "") + fields.get("id_number", "")):
        with suppress(InvalidNationalIdError):
            return ActivityLine(professional_id(text), number, "", None, None, None, None)
    return None


def professional_entry(activities: ProfessionalActivities) -> Professional | None:
    """Returns one directory entry for all activities; of several professions the first by code.

    Returns None if no profession is known.
    """
    if not activities.professions:
        return None
    return Professional(
        activities.professional_id,
        max(activities.names),
        min(activities.professions),
        "active",
        tuple(sorted(set(activities.structure_ids))),
        tuple(sorted(set(activities.specialties))),
    )


def _parsed(errors: list[CodedError], parse: Callable[[], str | None]) -> str | None:
    try:
        return parse()
    except CodedError as error:
        errors.append(error)
        return None


def _name(fields: Mapping[str, str]) -> str:
    honorific = _HONORIFICS.get(fields.get("title", "").upper(), "")
    parts = (honorific, fields["given_name"], fields["family_name"])
    name = " ".join(part for part in parts if part)
    if not parts[2] or len(name) > _LONGEST_NAME or has_control_character(name):
        raise NameMissingError
    return name


def _profession(code: str, category: str) -> str:
    tables = ("TRE_G16",) if category == _STUDENT else _TABLES
    for table in tables:
        if (table, code) in professions():
            return f"{table.removeprefix('TRE_')}_{code}"
    raise ProfessionUnknownError


def _structure_name(fields: Mapping[str, str]) -> str | None:
    name = fields.get("structure_name", "")[:_LONGEST_NAME]
    if has_control_character(name):
        raise StructureNameError
    return name or None


def _structure(fields: Mapping[str, str]) -> str | None:
    for column, kind in _KINDS:
        if number := fields.get(column, ""):
            return structure_id(kind + number)
    technical = fields.get("technical_id", "")
    if not technical:
        return None
    return structure_id(_TECHNICAL_KINDS.get(technical[0], technical[0]) + technical[1:])
