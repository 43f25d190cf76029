"""Responses and bodies of the matrix API."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from services.consent.matrices.domain import ProfessionDifference, StoredMatrix
from services.consent.matrices.usecases.compare_matrix import MatrixComparison
from shared.moments import Moment
from shared.terminology.documents import document_types
from shared.terminology.matrix import SOURCES, Matrix, Stated
from shared.terminology.professions import professions

StatedCells = Mapping[str, Mapping[str, Stated]]
_UNSTATED: Final = ("denied", "default")
_FRENCH: Final = {"decree": "décret", "court": "juridiction", "default": "par défaut"}


class MatrixView(BaseModel):
    """One version of the matrix. `active_from` None: the version was imported, but not activated."""

    model_config = ConfigDict(frozen=True)
    name: str
    active_from: datetime | None
    in_force: bool
    cells: int = Field(description="number of stated cells; all others are denied by default")
    sources: dict[str, int] | None = Field(description="number of cells that rest on a decree, a court or a default")
    professions: int
    imported_at: datetime | None
    imported_by: str | None = Field(description="the administrator's id; null for a packaged version")
    activated_at: datetime | None
    activated_by: str | None

    @classmethod
    def of(cls, stored: StoredMatrix, in_force: Matrix | None) -> "MatrixView":
        """Returns the view of a version, given the one in force."""
        matrix, stated = stored.matrix, stored.stated
        cells = stated or matrix.cells
        return cls(
            name=matrix.name,
            active_from=matrix.active_from,
            in_force=in_force is not None and in_force.name == matrix.name,
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


class DocumentTypeView(BaseModel):
    """A type of document. `source`: what the new answer rests on (decree, court, default); null if it was not kept."""

    code: str
    label: str
    source: str | None


class ProfessionDifferenceView(BaseModel):
    """What changes for one profession."""

    profession: str
    label: str
    opens: list[DocumentTypeView] = Field(description="types that the profession may read from then on")
    closes: list[DocumentTypeView] = Field(description="types that the profession may no longer read")
    sentence: str

    @classmethod
    def of(
        cls, difference: ProfessionDifference, stated: StatedCells | None, french: bool
    ) -> "ProfessionDifferenceView":
        """Returns the view of a difference, with its sentence in French or English. `stated`: the cells of the new
        version."""
        table, _, code = difference.profession.partition("_")
        entry = professions().get((f"TRE_{table}", code))
        label = difference.profession if entry is None else entry.label
        cells = None if stated is None else stated.get(difference.profession, {})
        opens, closes = _types(difference.opens, cells), _types(difference.closes, cells)
        gains, loses = ("pourra lire", "ne pourra plus lire") if french else ("may read", "may no longer read")
        changes = [f"{verb} {_list(types, french)}" for verb, types in ((gains, opens), (loses, closes)) if types]
        sentence = f"{label} ({difference.profession}) {'; '.join(changes)}."
        return cls(profession=difference.profession, label=label, opens=opens, closes=closes, sentence=sentence)


class MatrixDiffView(BaseModel):
    """What a version changes, compared with the one in force."""

    name: str
    against: str | None
    cells: int = Field(description="number of cells whose answer changes")
    professions: int = Field(description="number of professions for which something changes")
    records: int = Field(
        description="greatest number of records in which something changes: consent does not know their documents"
    )
    sentence: str
    changes: list[ProfessionDifferenceView]

    @classmethod
    def of(cls, comparison: MatrixComparison, french: bool) -> "MatrixDiffView":
        """Returns the view of a comparison, with its sentences in French or English."""
        differences = comparison.differences
        candidate, stated = comparison.candidate, comparison.candidate.stated
        cells = sum(len(difference.opens) + len(difference.closes) for difference in differences)
        return cls(
            name=candidate.matrix.name,
            against=None if comparison.against is None else comparison.against.name,
            cells=cells,
            professions=len(differences),
            records=comparison.records,
            sentence=_summary(comparison, cells, french),
            changes=[ProfessionDifferenceView.of(difference, stated, french) for difference in differences],
        )


class ActivationBody(BaseModel):
    """When the version comes into force; by default as soon as every service is sure to know the date, which is after
    the limit of freshness."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    active_from: Moment | None = Field(default=None, alias="from")


def _summary(comparison: MatrixComparison, cells: int, french: bool) -> str:
    differences, records = comparison.differences, comparison.records
    new, old = comparison.candidate.matrix.name, "-" if comparison.against is None else comparison.against.name
    if french:
        touched = f"{records} au plus (leurs documents ne sont pas connus ici)" if differences else "aucun"
        return (
            f"{new} par rapport à {old} : cellules qui changent : {cells}, de professions : {len(differences)} ; "
            f"dossiers touchés : {touched}."
        )
    touched = f"at most {records} (which documents they have is not known here)" if differences else "none"
    cells_changed = f"cells that change: {cells}, of professions: {len(differences)}"
    return f"{new} against {old}: {cells_changed}; records touched: {touched}."


def _types(codes: Iterable[str], cells: Mapping[str, Stated] | None) -> list[DocumentTypeView]:
    """A cell that a version does not state is a default."""
    sources = {code: None if cells is None else cells.get(code, _UNSTATED)[1] for code in codes}
    return [
        DocumentTypeView(code=code, label=document_types()[code].label, source=source)
        for code, source in sources.items()
    ]


def _list(types: list[DocumentTypeView], french: bool) -> str:
    return ", ".join(
        f"{document_type.label} ({', '.join((document_type.code, *_source_words(document_type.source, french)))})"
        for document_type in types
    )


def _source_words(source: str | None, french: bool) -> list[str]:
    return [] if source is None else [_FRENCH[source] if french else source]
