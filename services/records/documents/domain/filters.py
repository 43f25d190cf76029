"""The filters of a search. Some look at codes that stand in clear, the others at metadata that must be opened first."""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.records.documents.domain.metadata import DocumentMetadata, StoredAuthor, care_day
from services.records.facts.domain.facts import FactCombination
from shared.fhir.submission import Identifier
from shared.terminology.rubrics import RubricCode, rubric_of


@dataclass(frozen=True, slots=True)
class CarePeriod:
    """Days of care from the first to the last, both included."""

    first: date = date.min
    last: date = date.max


EVER: Final = CarePeriod()


@dataclass(frozen=True, slots=True)
class DocumentFilters:
    """What a document must have to be listed; None where it does not matter.

    `rubrics`, `types`, `class_codes`: one of these. `period`: contains its day of care. `author`: the national id of an
    author, or of an author's structure. `specialty`: of an author (TRE_R38, `SM26`) or the whole role (`G15_10/SM26`).
    `setting`: the practice setting. `structure`: the national id of the custodian or of an author's structure.
    `encounter`: the stay or visit. `title`: words that the title has, whatever their case, accents and order.
    """

    rubrics: frozenset[RubricCode] | None = None
    types: frozenset[str] | None = None
    class_codes: frozenset[str] | None = None
    period: CarePeriod = EVER
    author: str | None = None
    specialty: str | None = None
    setting: str | None = None
    structure: str | None = None
    encounter: Identifier | None = None
    title: str | None = None

    @property
    def opens_metadata(self) -> bool:
        """Whether a filter looks at sealed metadata, so that the total is not known before they are opened."""
        return any(True for _ in self._conditions())

    def admits(self, combination: FactCombination) -> bool:
        """Returns whether documents with these codes pass the filters on codes."""
        return (
            (self.rubrics is None or rubric_of(combination.section) in self.rubrics)
            and (self.types is None or combination.type in self.types)
            and (self.class_codes is None or combination.class_code in self.class_codes)
        )

    def passes(self, metadata: DocumentMetadata) -> bool:
        """Returns whether a document with this metadata passes the other filters.

        The period is compared here as well, because the day of an older document may not stand in clear yet.
        """
        if not self.period.first <= care_day(metadata) <= self.period.last:
            return False
        return all(condition(metadata) for condition in self._conditions())

    def _conditions(self) -> Iterator[Callable[[DocumentMetadata], bool]]:
        if (author := self.author) is not None:
            yield lambda metadata: any(author in (by.professional, by.organisation) for by in metadata.authors)
        if (specialty := self.specialty) is not None:
            yield lambda metadata: any(_has_specialty(by, specialty) for by in metadata.authors)
        if (setting := self.setting) is not None:
            yield lambda metadata: metadata.practice_setting.code == setting
        if (structure := self.structure) is not None:
            yield lambda metadata: structure in (metadata.custodian, *(by.organisation for by in metadata.authors))
        if (encounter := self.encounter) is not None:
            yield lambda metadata: any(_names(by.identifier, encounter) for by in metadata.optional.encounters)
        if (title := self.title) is not None:
            words = _folded(title).split()
            yield lambda metadata: all(word in _folded(metadata.title) for word in words)


NO_FILTERS: Final = DocumentFilters()


def _has_specialty(author: StoredAuthor, specialty: str) -> bool:
    return author.role is not None and specialty in (author.role, author.role.rpartition("/")[2])


def _names(identifier: Identifier | None, encounter: Identifier) -> bool:
    """Returns whether the identifier is that of the encounter; one without a system matches in any system."""
    if identifier is None or identifier.value != encounter.value:
        return False
    return encounter.system is None or identifier.system == encounter.system


def _folded(text: str) -> str:
    """Returns the text without case and accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
