"""The overview of a record: its eight rubrics with the documents that the reader may see."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from services.records.documents.domain.filters import NO_FILTERS
from services.records.documents.domain.search import CombinationSize, RecordSearch
from shared.terminology.rubrics import Rubric, RubricCode, is_known, rubric_of, rubrics

_CURRENT: Final = frozenset({"current"})


@dataclass(frozen=True, slots=True)
class RubricOverview:
    """A rubric: how many documents the reader may see, the newest day of care among them, and how many are new to the
    reader (None on a first visit)."""

    rubric: Rubric
    documents: int
    newest: date | None
    new: int | None


@dataclass(frozen=True, slots=True)
class RecordOverview:
    """The rubrics in their order of display. `since`: when the reader looked last in an earlier session; None: never,
    or the reader has no session. `unknown_sections`: documents of categories that the table of rubrics does not have.
    """

    since: datetime | None
    rubrics: tuple[RubricOverview, ...]
    unknown_sections: int = 0


def overview_of(searches: Iterable[RecordSearch], since: datetime | None) -> RecordOverview:
    """Returns the overview of what the searches permit; only current documents count."""
    sizes: dict[RubricCode, list[CombinationSize]] = {}
    unknown = 0
    for search in searches:
        for key in search.listed(_CURRENT, NO_FILTERS):
            section, size = search.combinations[key].section, search.sizes[key]
            sizes.setdefault(rubric_of(section), []).append(size)
            unknown += 0 if is_known(section) else size.documents
    overviews = tuple(_rubric_overview(rubric, sizes.get(rubric.code, []), since) for rubric in rubrics())
    return RecordOverview(since, overviews, unknown)


def _rubric_overview(rubric: Rubric, sizes: list[CombinationSize], since: datetime | None) -> RubricOverview:
    return RubricOverview(
        rubric,
        documents=sum(size.documents for size in sizes),
        newest=max((size.newest for size in sizes if size.newest is not None), default=None),
        new=None if since is None else sum(size.new for size in sizes),
    )
