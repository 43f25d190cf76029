"""What a médecin traitant asks to sign, and the version of the sheet that it makes.

The version holds only what is hidden from nobody: lines of documents that the rules offer, and the doctor's own
statements. It neither counts nor compares what other documents say, and names nobody to call, because all its readers
read it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind, FactSource
from services.records.clinical_facts.domain.values import Coding, Concept, FactTime
from services.records.summary.domain.conflicts import conflict_numbers
from services.records.summary.domain.drafts import StatedFact
from services.records.summary.domain.proposals import FactKey
from services.records.summary.domain.sheet import (
    Chapter,
    CitedDocument,
    LineDecision,
    SheetDoctor,
    SheetPatient,
    SummaryLine,
    SummarySheet,
)
from services.records.summary.domain.signatures import FORMAT, SignedBlock, SignedLine
from services.records.summary.domain.sources import SheetSource, counts_of
from shared.errors import ClientError, ConflictError, InvalidError
from shared.values import RedactedRepr

LONGEST_PREVIEW: Final = timedelta(minutes=30)
_STATEMENT: Final = "statement"
_KINDS: Final[dict[Chapter, FactKind]] = {
    Chapter.ALLERGIES: FactKind.ALLERGY,
    Chapter.TREATMENTS: FactKind.TREATMENT,
    Chapter.PROBLEMS: FactKind.PROBLEM,
    Chapter.PROCEDURES: FactKind.PROCEDURE,
    Chapter.IMPLANTS: FactKind.DEVICE,
    Chapter.PREGNANCY: FactKind.PREGNANCY,
    Chapter.VACCINATIONS: FactKind.VACCINATION,
    Chapter.DIRECTIVES: FactKind.DIRECTIVE,
}
"""A blood group is a laboratory's, never a doctor's own statement."""


class LineNotOfferedError(InvalidError):
    """A line that you name is not in the sheet, or none of its documents is offered for confirmation: what is masked,
    secret or hidden from anybody is not. Read the sheet again."""

    code = "line-not-offered"
    french = (
        "Une ligne nommée n’est pas dans la synthèse, ou aucun de ses documents n’est proposé à la confirmation : ce "
        "qui est masqué, secret ou caché à quelqu’un ne l’est pas. Relisez la synthèse."
    )


class StatementChapterError(InvalidError):
    """A blood group is stated by a laboratory alone: confirm the line of its document."""

    code = "statement-not-possible"
    french = "Un groupe sanguin n’est énoncé que par un laboratoire : confirmez la ligne de son document."


class SigningTimeError(InvalidError):
    """The moment of the signature is in the future, or more than half an hour ago. Preview the version again."""

    code = "signing-time-invalid"
    french = "Le moment de la signature est à venir, ou passé de plus d’une demi-heure. Relisez l’aperçu."


class SheetChangedError(ClientError):
    """The sheet has changed since you read it. Read it again, and send its ETag as If-Match."""

    code = "sheet-changed"
    french = "La synthèse a changé entre-temps. Relisez-la, puis recommencez."
    status: ClassVar[int] = 412


class PreviewDiffersError(ConflictError):
    """What would be signed is not what you previewed. Preview the version again."""

    code = "preview-differs"
    french = "Ce qui serait signé n’est pas ce que vous avez relu. Demandez un nouvel aperçu."


@dataclass(frozen=True, slots=True, repr=False)
class OwnStatement(RedactedRepr):
    """A line that the doctor states. `id`: chosen by the caller, kept over versions; `since`: ISO 8601, as precise as
    it is known."""

    id: UUID
    chapter: Chapter
    text: str
    coding: Coding | None = None
    since: str | None = None
    where: str | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class SigningRequest(RedactedRepr):
    """The lines to sign, by their ids in the sheet that the doctor read. A line that is not named is not signed."""

    doctor: SheetDoctor
    patient: SheetPatient
    written_at: datetime
    confirmed: tuple[UUID, ...] = ()
    rejected: Mapping[UUID, str | None] | None = None
    statements: tuple[OwnStatement, ...] = ()


@dataclass(frozen=True, slots=True)
class PreviousVersion:
    """The current version of the doctor's chain: its number, and its ClinicalDocument.id."""

    number: int
    document_id: UUID


@dataclass(frozen=True, slots=True, repr=False)
class VersionToSign(RedactedRepr):
    """The sheet as it would be signed, and what is kept beside it."""

    sheet: SummarySheet
    block: SignedBlock


def check_time(written_at: datetime, now: datetime) -> None:
    """Raises SigningTimeError."""
    if not now - LONGEST_PREVIEW <= written_at <= now + timedelta(minutes=1):
        raise SigningTimeError


def version_to_sign(
    sheet: SummarySheet,
    documents: Sequence[SheetSource],
    facts: Iterable[StatedFact],
    request: SigningRequest,
    previous: PreviousVersion | None,
) -> VersionToSign:
    """Returns the version. `documents`: those whose lines are offered; `facts`: what they state.

    Raises LineNotOfferedError, StatementChapterError.
    """
    lines = {line.id: line for line in sheet.lines}
    offered = {FactKey(stated.document.id, stated.fact.id): stated for stated in facts}
    signed = [
        *_confirmed(lines, offered, request),
        *(_stated(statement, request) for statement in request.statements),
    ]
    numbers = conflict_numbers(signed)
    written = SummarySheet(
        sheet.record_id,
        request.written_at,
        "professional",
        tuple(replace(line, conflict=numbers.get(line.id)) for line in signed),
        counts=counts_of(documents),
        patient=request.patient,
        signer=request.doctor,
        version=1 if previous is None else previous.number + 1,
        replaces=None if previous is None else previous.document_id,
    )
    rejected = _rejected(lines, request)
    block = SignedBlock(
        FORMAT,
        f"Dr {request.doctor.given_name} {request.doctor.family_name}",
        (*(_signed(line, request) for line in signed), *rejected),
        written.version,
    )
    return VersionToSign(written, block)


def _confirmed(
    lines: Mapping[UUID, SummaryLine], offered: Mapping[FactKey, StatedFact], request: SigningRequest
) -> Iterator[SummaryLine]:
    decision = _decision(request)
    for id in dict.fromkeys(request.confirmed):
        line = lines.get(id)
        if line is None:
            raise LineNotOfferedError
        cited = next((source for source in line.sources if _key(source) in offered), None)
        if cited is None:
            raise LineNotOfferedError
        fact = offered[_key(cited)].fact
        yield replace(line, id=fact.id, fact=fact, state="confirmed", sources=(cited,), decisions=(decision,))


def _key(source: CitedDocument) -> FactKey:
    return FactKey(source.document_id, source.fact_id)


def _stated(statement: OwnStatement, request: SigningRequest) -> SummaryLine:
    kind = _KINDS.get(statement.chapter)
    if kind is None:
        raise StatementChapterError
    fact = ClinicalFact(
        id=statement.id,
        kind=kind,
        source=FactSource(_STATEMENT),
        negated=statement.negated,
        code=Concept(statement.coding, text=statement.text),
        time=None if statement.since is None else FactTime(start=statement.since, end_unknown=True),
        is_implant=kind is FactKind.DEVICE,
    )
    decisions = (_decision(request),)
    return SummaryLine(
        statement.id, statement.chapter, fact, "doctor", "confirmed", (), decisions, where=statement.where
    )


def _rejected(lines: Mapping[UUID, SummaryLine], request: SigningRequest) -> Iterator[SignedLine]:
    for id, reason in (request.rejected or {}).items():
        line = lines.get(id)
        if line is None or not line.sources or id in request.confirmed:
            raise LineNotOfferedError
        sources = tuple(source.document_id for source in line.sources)
        yield SignedLine("rejected", line.chapter, line.fact, request.written_at, sources=sources, reason=reason)


def _signed(line: SummaryLine, request: SigningRequest) -> SignedLine:
    cited = line.cited
    if cited is None:
        return SignedLine("stated", line.chapter, line.fact, request.written_at, where=line.where)
    return SignedLine("confirmed", line.chapter, line.fact, request.written_at, cited.document_id)


def _decision(request: SigningRequest) -> LineDecision:
    doctor = request.doctor
    return LineDecision("confirmed", f"Dr {doctor.given_name} {doctor.family_name}", doctor.id, request.written_at)
