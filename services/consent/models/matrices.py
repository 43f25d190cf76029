"""Versions of the national matrix as they are shown."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from services.consent.domain.matrices import Difference, StoredMatrix
from services.consent.usecases.compare_matrix import Comparison
from shared.moments import Moment
from shared.terminology.documents import document_types
from shared.terminology.matrix import SOURCES, Matrix, Stated
from shared.terminology.professions import professions

StatedCells = Mapping[str, Mapping[str, Stated]]
_UNSTATED: Final = ("denied", "default")
_FRENCH: Final = {"decree": "décret", "court": "juridiction", "default": "par défaut"}


class MatrixView(BaseModel):
    """One version. `active_from` None: imported, not activated."""

    model_config = ConfigDict(frozen=True)
    name: str
    active_from: datetime | None
    in_force: bool
    cells: int = Field(description="cells that it states; all others are denied by default")
    sources: dict[str, int] | None = Field(description="how many of them rest on a decree, on a court, on a default")
    professions: int
    imported_at: datetime | None
    imported_by: str | None = Field(description="the administrator's id; nobody imported a packaged version")
    activated_at: datetime | None
    activated_by: str | None

    @classmethod
    def of(cls, stored: StoredMatrix, present: Matrix | None) -> "MatrixView":
        """The view of a version, given the one in force."""
        matrix, stated = stored.matrix, stored.stated
        cells = stated or matrix.cells
        return cls(
            name=matrix.name,
            active_from=matrix.active_from,
            in_force=present is not None and present.name == matrix.name,
            cells=sum(len(types) for types in cells.values()),
            sources=None if stated is None else _sources(stated),
            professions=len(cells),
            imported_at=stored.imported_at,
            imported_by=stored.imported_by,
            activated_at=stored.activated_at,
            activated_by=stored.activated_by,
        )


def _sources(stated: StatedCells) -> dict[str, int]:
    counted = Counter(source for types in stated.values() for _, source in types.values())
    return {source: counted[source] for source in SOURCES}


class TypeView(BaseModel):
    """A type of document. `source`: on what the new answer rests (decree, court, default), where that was kept."""

    code: str
    label: str
    source: str | None


class DifferenceView(BaseModel):
    """What changes for one profession."""

    profession: str
    label: str
    opens: list[TypeView] = Field(description="types that it may read from then on")
    closes: list[TypeView] = Field(description="types that it may read no more")
    sentence: str

    @classmethod
    def of(cls, difference: Difference, stated: StatedCells | None, french: bool) -> "DifferenceView":
        """The view of a difference, with its sentence in French or English. `stated`: by the new version."""
        table, _, code = difference.profession.partition("_")
        known = professions().get((f"TRE_{table}", code))
        label = difference.profession if known is None else known.label
        cells = None if stated is None else stated.get(difference.profession, {})
        opens, closes = _types(difference.opens, cells), _types(difference.closes, cells)
        gains, loses = ("pourra lire", "ne pourra plus lire") if french else ("may read", "may no longer read")
        said = [f"{verb} {_list(types, french)}" for verb, types in ((gains, opens), (loses, closes)) if types]
        sentence = f"{label} ({difference.profession}) {'; '.join(said)}."
        return cls(profession=difference.profession, label=label, opens=opens, closes=closes, sentence=sentence)


class DiffView(BaseModel):
    """What a version changes against the one in force."""

    name: str
    against: str | None
    cells: int = Field(description="profession and type, of which the answer changes")
    professions: int = Field(description="whose reading changes")
    records: int = Field(description="records in which something changes, at most: their documents are not known here")
    sentence: str
    changes: list[DifferenceView]

    @classmethod
    def of(cls, comparison: Comparison, french: bool) -> "DiffView":
        """The view of a comparison."""
        found = comparison.differences
        wanted, stated = comparison.wanted, comparison.wanted.stated
        cells = sum(len(one.opens) + len(one.closes) for one in found)
        return cls(
            name=wanted.matrix.name,
            against=None if comparison.against is None else comparison.against.name,
            cells=cells,
            professions=len(found),
            records=comparison.records,
            sentence=_summed_up(comparison, cells, french),
            changes=[DifferenceView.of(one, stated, french) for one in found],
        )


class ActivationBody(BaseModel):
    """From when; without it as soon as every service is sure to know of it, which is the limit of freshness."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    active_from: Moment | None = Field(default=None, alias="from")


def _summed_up(comparison: Comparison, cells: int, french: bool) -> str:
    found, records = comparison.differences, comparison.records
    new, old = comparison.wanted.matrix.name, "-" if comparison.against is None else comparison.against.name
    if french:
        many = f"{records} au plus (leurs documents ne sont pas connus ici)" if found else "aucun"
        return (
            f"{new} par rapport à {old} : cellules qui changent : {cells}, de professions : {len(found)} ; "
            f"dossiers touchés : {many}."
        )
    many = f"at most {records} (which documents they have is not known here)" if found else "none"
    return f"{new} against {old}: cells that change: {cells}, of professions: {len(found)}; records touched: {many}."


def _types(codes: Iterable[str], cells: Mapping[str, Stated] | None) -> list[TypeView]:
    """A cell that is not stated is a default."""
    sources = {code: None if cells is None else cells.get(code, _UNSTATED)[1] for code in codes}
    return [TypeView(code=code, label=document_types()[code].label, source=one) for code, one in sources.items()]


def _list(types: list[TypeView], french: bool) -> str:
    return ", ".join(f"{one.label} ({', '.join((one.code, *_words_of(one.source, french)))})" for one in types)


def _words_of(source: str | None, french: bool) -> list[str]:
    return [] if source is None else [_FRENCH[source] if french else source]
