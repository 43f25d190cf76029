"""What the pages show of choices: names for identifiers, labels for codes, and the state of each authorisation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from services.consent.choices.domain.choices import Choices, has_ended
from services.consent.choices.domain.states import HistoryEntry
from services.consent.directory.domain import DirectoryResult
from shared.contracts.consent import Authorisation
from shared.terminology.documents import section_label, section_labels
from shared.terminology.professions import role_codes, role_label

FIELDS: Final = ("action", "subject", "duration", "break-glass", "regulation-centre", "masked-documents", "masked")
"""The fields with which a form states a change."""


@dataclass(frozen=True, slots=True)
class NamedHolder:
    """A professional or structure. `name` is None where the directory does not know the identifier; `title`: the name,
    or what is shown in its place."""

    id: str
    name: str | None
    profession: str | None
    structures: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class AuthorisationLine:
    """An authorisation or attestation with the name of its holder. `is_coming`: it begins later."""

    holder: NamedHolder
    authorisation: Authorisation
    is_coming: bool

    @property
    def is_attestation(self) -> bool:
        """Whether a structure stated it for its care team."""
        return self.authorisation.how == "care-team"


@dataclass(frozen=True, slots=True)
class SectionLine:
    """A section of the record, and whether the patient hides it."""

    code: str
    label: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class ChoicesPage:
    """All that the page of the choices shows."""

    attending_doctors: list[NamedHolder]
    current: list[AuthorisationLine]
    ended: list[AuthorisationLine]
    blocked: list[NamedHolder]
    deposits: list[tuple[NamedHolder, Any]]
    attestation_objections: list[NamedHolder]
    sections: list[SectionLine]
    applications: list[tuple[str, str]]


Names = Mapping[str, DirectoryResult]
Words = Callable[..., str]
"""The function that gives a text of the pages by its key."""


def ids_in(choices: Choices) -> set[str]:
    """Returns the identifiers of all professionals and structures in the choices."""
    return {
        *(authorisation.holder_id for authorisation in choices.authorisations),
        *choices.blocked,
        *choices.attending_doctors,
        *choices.feeding_objections,
        *choices.attestation_objections,
    }


def choices_page(choices: Choices, names: Names, now: datetime, t: Words) -> ChoicesPage:
    """Returns what the page shows of these choices."""

    def titled(id: str) -> NamedHolder:
        holder = holder_of(id, names)
        return replace(holder, title=holder.name or t("access.not-in-directory", id=id))

    lines = [
        AuthorisationLine(titled(authorisation.holder_id), authorisation, authorisation.since > now)
        for authorisation in choices.authorisations
    ]
    informed_on = {objection.structure_id: objection.informed_on for objection in choices.collected_objections}
    return ChoicesPage(
        attending_doctors=_sorted(map(titled, choices.attending_doctors)),
        current=_by_name(line for line in lines if not has_ended(line.authorisation, now)),
        ended=_by_name(line for line in lines if has_ended(line.authorisation, now)),
        blocked=_sorted(map(titled, choices.blocked)),
        deposits=[(holder, informed_on.get(holder.id)) for holder in _sorted(map(titled, choices.feeding_objections))],
        attestation_objections=_sorted(map(titled, choices.attestation_objections)),
        sections=[
            SectionLine(code, label, code in choices.hidden_sections) for code, label in section_labels().items()
        ],
        applications=[
            (application.application_id, ", ".join(section_label(code) or code for code in application.sections))
            for application in choices.applications
        ],
    )


def holder_of(id: str, names: Names) -> NamedHolder:
    """Returns the professional or structure with this identifier, with its name if the directory knows it."""
    entry = names.get(id)
    return NamedHolder(id, None, None) if entry is None else named_holder(entry)


def named_holder(entry: DirectoryResult) -> NamedHolder:
    """Returns the holder that a directory's entry names."""
    label = None if entry.profession is None else profession_label(entry.profession)
    return NamedHolder(entry.id, entry.name, label, entry.structures)


def profession_label(role: str) -> str:
    """Returns the French label of a profession; the code itself if it is unknown."""
    return role_label(role) or role


def profession_choices() -> list[tuple[str, str]]:
    """Returns the professions that may act in a record, with their labels, in the order of the labels."""
    return sorted(((code, profession_label(code)) for code in role_codes()), key=lambda choice: choice[1].casefold())


def subject_label(entry: HistoryEntry, names: Names) -> str | None:
    """Returns whom or what a change was about, in words; None for a change about nobody in particular."""
    if entry.subject_id is None:
        return None
    if entry.action in ("hide-section", "show-section"):
        return section_label(entry.subject_id) or entry.subject_id
    named = names.get(entry.subject_id)
    return entry.subject_id if named is None else named.name


def _sorted(holders: Iterable[NamedHolder]) -> list[NamedHolder]:
    return sorted(holders, key=lambda holder: (holder.name or "\uffff", holder.id))


def _by_name(lines: Iterable[AuthorisationLine]) -> list[AuthorisationLine]:
    return sorted(lines, key=lambda line: (line.holder.name or "\uffff", line.holder.id, line.authorisation.since))
