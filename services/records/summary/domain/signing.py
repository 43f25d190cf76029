"""Puts what the médecins traitants signed into the sheet.

A confirmed line is shown to whoever may read what it cites; a rejected line stays and is no negation. When a doctor's
status ends, the doctor's lines are proposals again. Who may read no source of a rejection learns nothing of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.summary.domain.drafts import LineDraft, StatedFact, StatingDocument
from services.records.summary.domain.merging import Subject, adds_nothing, details_of, subject_of
from services.records.summary.domain.proposals import FactKey
from services.records.summary.domain.sheet import LineDecision
from services.records.summary.domain.signatures import SignedAction, SignedLine, SignedVersion
from services.records.summary.domain.sources import SheetSource
from shared.values import NationalProfessionalId

SOURCE_CHANGED: Final = "source-changed"
"""A mark: the document that a signed line cites was replaced, or is read otherwise since."""


class _Signature(NamedTuple):
    version: SignedVersion
    line: SignedLine


def confirmed_lines(
    versions: Sequence[SignedVersion],
    documents: Mapping[UUID, SheetSource],
    facts: Sequence[StatedFact],
    now: datetime,
) -> dict[FactKey, LineDraft]:
    """Returns the drafts of the lines that were confirmed in these versions, by the fact that each cites.

    The fact is the one that was signed last. `documents`: the current ones that the reader may see.
    """
    signed: dict[FactKey, list[_Signature]] = {}
    for signature in _signatures(versions, "confirmed"):
        document_id = signature.line.document_id
        if document_id is not None and document_id in signature.version.readable:
            signed.setdefault(FactKey(document_id, signature.line.fact.id), []).append(signature)
    present = {
        stated.fact.id: stated.fact for stated in facts if signed and (stated.document.id, stated.fact.id) in signed
    }
    drafts: dict[FactKey, LineDraft] = {}
    for key, signatures in signed.items():
        signatures.sort(key=lambda signature: signature.line.at, reverse=True)
        drafts[key] = _confirmed(signatures[0].line, documents, present.get(key.fact_id), key.document_id)
        for version, line in signatures:
            _decide(drafts[key], version, line, now)
    return drafts


def statements(versions: Sequence[SignedVersion], now: datetime) -> Iterator[LineDraft]:
    """Yields the drafts of what the doctors state of their own."""
    for version, line in _signatures(versions, "stated"):
        draft = LineDraft.of(line.chapter, line.fact, ())
        draft.origin, draft.where = "doctor", line.where
        _decide(draft, version, line, now)
        yield draft


def reject_lines(drafts: Sequence[LineDraft], versions: Sequence[SignedVersion], now: datetime) -> None:
    """Marks the lines that a present médecin traitant rejected. A source that was not there then brings a line back."""
    by_subject: dict[Subject, list[LineDraft]] = {}
    for draft in drafts:
        if draft.sources:
            by_subject.setdefault(draft.subject, []).append(draft)
    for version, line in _signatures(versions, "rejected"):
        for draft in by_subject.get(subject_of(line.fact), ()) if version.is_holder else ():
            _reject(draft, version, line, now)


def _signatures(versions: Sequence[SignedVersion], action: SignedAction) -> Iterator[_Signature]:
    for version in versions:
        if version.is_shown:
            yield from (_Signature(version, line) for line in version.block.lines if line.action == action)


def _confirmed(
    line: SignedLine, documents: Mapping[UUID, SheetSource], present: ClinicalFact | None, document_id: UUID
) -> LineDraft:
    document = documents.get(document_id)
    fact = line.fact if present == line.fact else _marked(line.fact)
    day = None if document is None else document.day
    draft = LineDraft.of(line.chapter, fact, [StatingDocument(document_id, fact.id, day, fact.source.section_title)])
    draft.details = details_of(line.fact)
    if document is not None and document.is_of_patient_side:
        draft.declare(document)
    return draft


def _marked(fact: ClinicalFact) -> ClinicalFact:
    return msgspec.structs.replace(fact, marks=(*fact.marks, SOURCE_CHANGED))


def _reject(draft: LineDraft, version: SignedVersion, line: SignedLine, now: datetime) -> None:
    sources, rejected = draft.document_ids, frozenset(line.sources)
    if adds_nothing(draft.details, details_of(line.fact)) and sources & rejected:
        draft.decisions.append(_decision(version, line, now))
        if draft.state == "proposed" and sources <= rejected:
            draft.state = "rejected"


def _decide(draft: LineDraft, version: SignedVersion, line: SignedLine, now: datetime) -> None:
    draft.decisions.append(_decision(version, line, now))
    if version.is_holder:
        draft.state = "confirmed"


def _decision(version: SignedVersion, line: SignedLine, now: datetime) -> LineDecision:
    return LineDecision(
        "rejected" if line.action == "rejected" else "confirmed",
        version.block.doctor,
        NationalProfessionalId(version.doctor_id),
        line.at,
        None if version.is_holder else version.ended_at or now,
        line.reason,
    )
