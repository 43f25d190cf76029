"""Builds FHIR resources from what is stored."""

from uuid import UUID

from services.records.documents.domain.fact_states import facts_text
from services.records.documents.domain.metadata import DocumentMetadata, StoredAuthor, StoredCode
from services.records.documents.domain.search import fhir_status
from services.records.facts.domain.documents import DocumentSummary, disclosed_reason
from services.records.facts.domain.facts import lifecycle_status
from services.records.kit.requests import NOT_FROM_THE_DECREE
from shared.fhir import write
from shared.fhir.facts_state import facts_codings
from shared.fhir.submission import Author, AuthorKind, Coding, Relation
from shared.terminology.documents import document_types
from shared.terminology.visibility import label, normalised
from shared.values import Ins, NationalProfessionalId, NationalStructureId


def document_reference(
    summary: DocumentSummary,
    metadata: DocumentMetadata,
    notices: tuple[str, ...] = (),
    access_mode: str | None = None,
    *,
    french: bool,
    url: str | None = None,
) -> bytes:
    """Returns the DocumentReference; its meta has `notices`, the emergency mode of the answer, and what became of
    reading the facts, in French or English. `url`: where the content is; None: as a Binary on this server."""
    labels = normalised(known_label for code in summary.labels if (known_label := label(code)) is not None)
    return write.document_reference(
        write.StoredDocument(
            id=str(summary.id),
            version=summary.version,
            last_updated=summary.changed_at or summary.received_at,
            status=fhir_status(lifecycle_status(summary.status, summary.life, archived=summary.archived)),
            archived=summary.archived,
            notices=tuple(notice for notice in notices if notice == NOT_FROM_THE_DECREE),
            access_mode=access_mode,
            deposit_status=None if summary.status == "published" else summary.status,
            refusal=None if summary.refusal is None else disclosed_reason(summary.refusal),
            facts=_facts_codings(summary, french=french),
            unique_id=metadata.unique_id,
            type=document_types()[summary.type],
            labels=labels,
            date=metadata.date,
            authors=tuple(_author(author) for author in metadata.authors),
            custodian=NationalStructureId(metadata.custodian) if metadata.custodian else None,
            title=metadata.title,
            content_type=metadata.content_type,
            language=metadata.language,
            creation=metadata.creation,
            size=metadata.size,
            sha1=bytes.fromhex(metadata.sha1),
            url=url or f"Binary/{summary.id}",
            format=_coding(metadata.format),
            period_start=metadata.period_start,
            period_end=metadata.period_end,
            partial_dates=metadata.partial_dates,
            facility_type=_coding(metadata.facility_type),
            practice_setting=_coding(metadata.practice_setting),
            ins=_ins(metadata),
            record_id=str(summary.record_id),
            relations=tuple(Relation(code, target) for code, target in metadata.relations),
            optional=metadata.optional,
        )
    )


def _facts_codings(summary: DocumentSummary, *, french: bool) -> list[dict[str, str]]:
    if summary.facts is None:
        return []
    text = facts_text(summary.facts, summary.facts_reason, french=french)
    return facts_codings(summary.facts, summary.facts_reason, text)


def etag_of(summary: DocumentSummary) -> str:
    """Returns the ETag: the version of the document's labels and life."""
    return f'W/"{summary.version}"'


def url_of(base: str, document_id: UUID) -> str:
    """Returns the URL of a DocumentReference."""
    return f"{base}fhir/DocumentReference/{document_id}"


def _ins(metadata: DocumentMetadata) -> Ins | None:
    """Returns the INS in the document's metadata; None for documents of the patient side, which have none."""
    if metadata.ins is None or metadata.ins_system is None:
        return None
    return Ins(metadata.ins, metadata.ins_system.removeprefix("urn:oid:"))


def _coding(code: StoredCode) -> Coding:
    return Coding(code.system, code.code, code.display)


def _author(author: StoredAuthor) -> Author:
    return Author(
        AuthorKind(author.kind),
        NationalProfessionalId(author.professional) if author.professional else None,
        NationalStructureId(author.organisation) if author.organisation else None,
        author.role,
        author.name,
        author.organisation_name,
    )
