"""From what is stored to what FHIR shows."""

from uuid import UUID

from services.records.api.parts import NOT_FROM_THE_DECREE
from services.records.domain.documents import Head, Metadata, StoredCode
from services.records.domain.facts import status_of
from services.records.domain.listing import fhir_status
from shared.fhir import write
from shared.fhir.submission import Author, AuthorKind, Coding
from shared.terminology.documents import document_types
from shared.terminology.visibility import label, normalised
from shared.values import Ins, NationalProfessionalId, NationalStructureId


def document_reference(
    head: Head, metadata: Metadata, notices: tuple[str, ...] = (), access_mode: str | None = None
) -> bytes:
    """The DocumentReference; `notices` and the emergency mode of the answer go into its meta."""
    labels = normalised(found for code in head.labels if (found := label(code)) is not None)
    return write.document_reference(
        write.StoredDocument(
            id=str(head.id),
            version=head.version,
            last_updated=head.changed_at or head.received_at,
            status=fhir_status(status_of(head.status, head.life, archived=head.archived)),
            archived=head.archived,
            notices=tuple(one for one in notices if one == NOT_FROM_THE_DECREE),
            access_mode=access_mode,
            unique_id=metadata.unique_id,
            type=document_types()[head.type],
            labels=labels,
            date=metadata.date,
            authors=tuple(
                Author(
                    AuthorKind(one.kind),
                    NationalProfessionalId(one.professional) if one.professional else None,
                    NationalStructureId(one.organisation) if one.organisation else None,
                    one.role,
                )
                for one in metadata.authors
            ),
            custodian=NationalStructureId(metadata.custodian) if metadata.custodian else None,
            title=metadata.title,
            content_type=metadata.content_type,
            language=metadata.language,
            creation=metadata.creation,
            size=metadata.size,
            sha1=bytes.fromhex(metadata.sha1),
            url=f"Binary/{head.id}",
            format=_coding(metadata.format),
            period_start=metadata.period_start,
            period_end=metadata.period_end,
            facility_type=_coding(metadata.facility_type),
            practice_setting=_coding(metadata.practice_setting),
            ins=_ins(metadata),
            record_id=str(head.record_id),
        )
    )


def etag_of(head: Head) -> str:
    """The version of the labels and the life, as HTTP says it."""
    return f'W/"{head.version}"'


def url_of(base: str, document_id: UUID) -> str:
    """The address of a DocumentReference."""
    return f"{base}fhir/DocumentReference/{document_id}"


def _ins(metadata: Metadata) -> Ins | None:
    """Of whom the document says that it is; what the person's side deposits says no number."""
    if metadata.ins is None or metadata.ins_system is None:
        return None
    return Ins(metadata.ins, metadata.ins_system.removeprefix("urn:oid:"))


def _coding(code: StoredCode) -> Coding:
    return Coding(code.system, code.code)
