"""Versions of the national matrix as they are shown."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.consent.domain.matrices import Difference
from services.consent.usecases.compare_matrix import Comparison
from shared.terminology.documents import document_types
from shared.terminology.matrix import Matrix
from shared.terminology.professions import professions


class MatrixView(BaseModel):
    """One version. `active_from` None: imported, not activated."""

    model_config = ConfigDict(frozen=True)
    name: str
    active_from: datetime | None
    in_force: bool
    cells: int = Field(description="cells that it states; all others are denied by default")
    professions: int

    @classmethod
    def of(cls, matrix: Matrix, present: Matrix | None) -> "MatrixView":
        """The view of a version, given the one in force."""
        return cls(
            name=matrix.name,
            active_from=matrix.active_from,
            in_force=present is not None and present.name == matrix.name,
            cells=sum(len(types) for types in matrix.cells.values()),
            professions=len(matrix.cells),
        )


class TypeView(BaseModel):
    """A type of document."""

    code: str
    label: str


class DifferenceView(BaseModel):
    """What changes for one profession."""

    profession: str
    label: str
    opens: list[TypeView] = Field(description="types that it may read from then on")
    closes: list[TypeView] = Field(description="types that it may read no more")
    sentence: str

    @classmethod
    def of(cls, difference: Difference, french: bool) -> "DifferenceView":
        """The view of a difference, with its sentence in French or English."""
        table, _, code = difference.profession.partition("_")
        known = professions().get((f"TRE_{table}", code))
        label = difference.profession if known is None else known.label
        opens, closes = _types(difference.opens), _types(difference.closes)
        gains, loses = ("pourra lire", "ne pourra plus lire") if french else ("may read", "may no longer read")
        said = [f"{verb} {_list(types)}" for verb, types in ((gains, opens), (loses, closes)) if types]
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
        cells = sum(len(one.opens) + len(one.closes) for one in found)
        return cls(
            name=comparison.matrix.name,
            against=None if comparison.against is None else comparison.against.name,
            cells=cells,
            professions=len(found),
            records=comparison.records,
            sentence=_summed_up(comparison, cells, french),
            changes=[DifferenceView.of(one, french) for one in found],
        )


class ActivationBody(BaseModel):
    """From when; without it as soon as every service is sure to know of it, which is the limit of freshness."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    active_from: AwareDatetime | None = Field(default=None, alias="from")


def _summed_up(comparison: Comparison, cells: int, french: bool) -> str:
    found, records = comparison.differences, comparison.records
    new, old = comparison.matrix.name, "-" if comparison.against is None else comparison.against.name
    if french:
        many = f"{records} au plus (leurs documents ne sont pas connus ici)" if found else "aucun"
        return (
            f"{new} par rapport à {old} : cellules qui changent : {cells}, de professions : {len(found)} ; "
            f"dossiers touchés : {many}."
        )
    many = f"at most {records} (which documents they have is not known here)" if found else "none"
    return f"{new} against {old}: cells that change: {cells}, of professions: {len(found)}; records touched: {many}."


def _types(codes: Iterable[str]) -> list[TypeView]:
    return [TypeView(code=code, label=document_types()[code].label) for code in codes]


def _list(types: list[TypeView]) -> str:
    return ", ".join(f"{one.label} ({one.code})" for one in types)
