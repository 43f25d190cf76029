"""The eight rubrics under which a record shows its documents: groups of the fifteen categories of Mon espace santé.

For display only: hiding a section of the record acts on the codes of the categories (`documents.SectionCode`), never on
a rubric. The table is this project's (data/README.md) and has a version, so that a client can tell when it changes.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final, NewType

from shared.terminology.tables import rows

RubricCode = NewType("RubricCode", str)
"""synthesis, care, reports, imaging, laboratory, prevention, certificates or personal."""

VERSION: Final = "2026-11"
"""The version of the table in use: data/rubrics/<version>.csv."""
FALLBACK: Final = RubricCode("reports")
"""The rubric of a category that the table does not have."""


@dataclass(frozen=True, slots=True)
class Rubric:
    """A rubric with its French and English labels."""

    code: RubricCode
    label_fr: str
    label_en: str


@cache
def rubrics() -> tuple[Rubric, ...]:
    """Returns all rubrics in their order of display."""
    return tuple(Rubric(RubricCode(row["code"]), row["label_fr"], row["label_en"]) for row in rows("rubrics"))


def rubric_of(section: str) -> RubricCode:
    """Returns the rubric that shows a category; FALLBACK for one that the table does not have."""
    return _by_section().get(section, FALLBACK)


def is_known(section: str) -> bool:
    """Returns whether the table has the category."""
    return section in _by_section()


@cache
def _by_section() -> dict[str, RubricCode]:
    return {row["section"]: RubricCode(row["rubric"]) for row in rows(f"rubrics/{VERSION}")}
