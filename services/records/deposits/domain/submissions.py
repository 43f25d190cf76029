"""Checks a submission with no more than the submission itself and the copy of the record."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from services.records.copies.domain.copies import RecordCopy
from services.records.copies.domain.traits import differing_traits
from services.records.deposits.domain.media_types import IN_SUBMISSIONS, content_fault
from shared.cda.errors import InvalidCdaError
from shared.cda.summary import CdaSummary, has_zone, parse_time
from shared.cda.xml import check_xml
from shared.contracts.base import CODE_PATTERN
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.errors import ConflictError, InvalidError
from shared.fhir.bundle import parse_submission
from shared.fhir.contents import is_xml
from shared.fhir.outcomes import Issue, IssueType, Severity
from shared.fhir.submission import InvalidSubmissionError, Submission, SubmittedDocument
from shared.values import SentTraits

_CODE = re.compile(CODE_PATTERN)
_CODE_LENGTH = 64
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
REPLACES = "replaces"
"""DocumentReference.relatesTo.code of a document that replaces another one (IHE XDS RPLC)."""


class RecordUnknownError(InvalidError):
    """There is no record for this INS. Check the INS with the teleservice INSi; the patient may have no record."""

    code = "record-unknown"
    french = "Il n’y a pas de dossier pour cet INS. Vérifiez-le ; la personne n’en a peut-être pas."


class RecordClosedError(InvalidError):
    """The record of this patient is closed: nothing can be deposited in it."""

    code = "record-closed"
    french = "Le dossier de cette personne est fermé : rien ne peut y être ajouté."


class TraitsMismatchError(InvalidError):
    """The strict traits are not those of this INS. Check the identity with the teleservice INSi, then send it again."""

    code = "traits-mismatch"
    french = "Les traits stricts ne sont pas ceux de cet INS. Vérifiez l’identité, puis renvoyez le document."


class UniqueIdTakenError(ConflictError):
    """A masterIdentifier of this submission already names another document in this record: bytes, type, labels,
    organisation or the set of documents differ. Give new documents new identifiers, and resend known ones unchanged."""

    code = "unique-id-taken"
    french = "Cet identifiant désigne déjà un autre document. Donnez un identifiant nouveau à un document nouveau."


class ReplacementDiffersError(InvalidError):
    """The CDA replaces another document than relatesTo does, or one of yours that relatesTo leaves out.
    Send relatesTo with the document that relatedDocument RPLC names."""

    code = "replacement-mismatch"
    french = "Le CDA remplace un autre document que ne le dit relatesTo. Envoyez relatesTo comme dans le CDA."


class ReplacedUnknownError(InvalidError):
    """The document to be replaced is not here, is not yours, or has already been replaced. Search for it again."""

    code = "replaced-document-unknown"
    french = "Le document à remplacer n’est pas ici, n’est pas le vôtre ou a déjà été remplacé. Cherchez-le à nouveau."


class NotOwnDocumentError(ReplacedUnknownError):
    """The document to be replaced is not here, is not yours, or has already been replaced. Search for it again."""

    french = ReplacedUnknownError.french


def parse_and_check(body: bytes) -> Submission:
    """Parses an ITI-65 submission and checks its form and its contents. Raises InvalidSubmissionError."""
    return check_contents(parse_submission(body))


def check_contents(submission: Submission) -> Submission:
    """Returns the submission with the headers of its CDAs, after checking its contents and relations.

    Every door calls it. A header that a door has read already is not read again. Raises InvalidSubmissionError with all
    issues.
    """
    issues: list[Issue] = []
    documents = tuple(_with_header(document, issues) for document in submission.documents)
    for document in documents:
        issues += _issues_of_relations(document)
    if issues:
        raise InvalidSubmissionError(tuple(issues))
    return replace(submission, documents=documents)


def _with_header(document: SubmittedDocument, issues: list[Issue]) -> SubmittedDocument:
    """Returns the document with the header of its CDA; adds an issue for each part that cannot be accepted."""
    fault = content_fault(document.content, document.content_type, document.type, IN_SUBMISSIONS)
    if fault is not None:
        issues.append(Issue(fault.code, str(fault), document.content_place, IssueType.VALUE))
    if fault is not None or not is_xml(document.content_type) or document.header is not None:
        return document
    try:
        header = check_xml(document.content)
    except InvalidCdaError as error:
        issues.append(Issue(error.code, str(error), document.content_place, IssueType.INVALID))
        return document
    if header is None:
        return document
    issues += _issues_of_header(document, header)
    return replace(document, header=header)


def _issues_of_header(document: SubmittedDocument, header: CdaSummary) -> Iterator[Issue]:
    if header.ins and document.ins is not None and ins_parts(document.ins) not in map(ins_parts, header.ins):
        yield Issue(
            "patient-mismatch",
            "The CDA is about another patient than its metadata: send each document with its own.",
            document.content_place,
            IssueType.BUSINESS_RULE,
        )
    if header.type is not None and header.type.code != document.type.code:
        yield Issue(
            "type-mismatch",
            "The code of the CDA is not the type in its metadata: send each document with its own.",
            document.place_of("type"),
            IssueType.BUSINESS_RULE,
        )


def _issues_of_relations(document: SubmittedDocument) -> Iterator[Issue]:
    if sum(relation.code == REPLACES for relation in document.relations) > 1:
        yield Issue(
            "replaces-several",
            "A document replaces at most one other.",
            document.place_of("relatesTo"),
            IssueType.BUSINESS_RULE,
        )


def warnings_of(document: SubmittedDocument) -> list[Issue]:
    """Returns warnings about what has no effect: a wrong class, relations other than replaces, elements that are not
    kept, and metadata that the header of the CDA contradicts."""
    warnings = [*_differences(document, document.header)] if document.header is not None else []
    if document.class_sent is not None and document.class_sent != document.type.class_code:
        warnings.append(
            Issue(
                "class-derived",
                f"The class follows from the type: {document.type.code} is of class {document.type.class_code}, "
                "the category that was sent does not count.",
                document.place_of("category"),
                IssueType.BUSINESS_RULE,
                Severity.WARNING,
            )
        )
    return [*warnings, *_without_effect(document)]


def _without_effect(document: SubmittedDocument) -> Iterator[Issue]:
    for code in sorted({relation.code for relation in document.relations} - {REPLACES}):
        yield Issue(
            "relation-without-effect",
            f"A relation {code} is kept and given back, and has no other effect: only replaces has one.",
            document.place_of("relatesTo"),
            IssueType.NOT_SUPPORTED,
            Severity.WARNING,
        )
    for name in document.not_kept:
        text = f"{name} is not kept: it is not given back."
        yield Issue("element-not-kept", text, document.place_of(name), IssueType.NOT_SUPPORTED, Severity.WARNING)


def _differences(document: SubmittedDocument, header: CdaSummary) -> Iterator[Issue]:
    compared = (
        ("unique-id", "masterIdentifier", header.unique_id in (None, document.unique_id)),
        ("date", "content[0].attachment.creation", _is_same_moment(header.effective_time, document.creation)),
        ("confidentiality", "securityLabel", header.confidentiality in (None, document.labels[0])),
        ("replacement", "relatesTo", header.replaces is not None or replaced_of(document) is None),
    )
    for name, element, is_same in compared:
        if not is_same:
            yield Issue(
                f"{name}-differs",
                f"The header of the CDA says otherwise than {element}: what counts is the DocumentReference.",
                document.place_of(element),
                IssueType.BUSINESS_RULE,
                Severity.WARNING,
            )


def _is_same_moment(stated_time: str | None, creation: datetime) -> bool:
    """Returns whether two times agree: to the second where the header states a time zone, else within one day."""
    moment = parse_time(stated_time)
    if moment is None or stated_time is None:
        return True
    return abs(moment - creation) < (timedelta(seconds=1) if has_zone(stated_time) else timedelta(days=1))


def immediate_refusal(ring: Keyring, record: RecordCopy, submission: Submission) -> InvalidError | None:
    """Returns why this record cannot take the submission, judged by its copy alone; None where it can."""
    if record.status != "open":
        return RecordClosedError()
    for document in submission.documents:
        if any(differing_traits(ring, record.id, record.traits, sent) for sent in _traits_of(document)):
            return TraitsMismatchError()
    return None


def _traits_of(document: SubmittedDocument) -> Iterator[SentTraits | None]:
    """Yields the traits of the metadata, and those of the CDA where they differ."""
    yield document.traits
    if document.header is not None:
        sent = document.traits.normalised() if document.traits is not None else {}
        if document.header.traits.normalised().items() - sent.items():
            yield document.header.traits


def professionals_of(document: SubmittedDocument) -> list[str]:
    """Returns the national ids of the professionals among the authors."""
    return [author.professional for author in document.authors if author.professional]


def replaced_of(document: SubmittedDocument) -> UUID | str | None:
    """Returns the document that this one replaces: the id of a DocumentReference, or a producer's identifier."""
    for relation in document.relations:
        if relation.code == REPLACES:
            last_segment = relation.target.rpartition("/")[2]
            return UUID(last_segment) if _UUID.fullmatch(last_segment) else relation.target
    return None


def as_code(text: str | None) -> str | None:
    """Returns the text if it has the form of a code that events may carry, else None."""
    return text if text and len(text) <= _CODE_LENGTH and _CODE.fullmatch(text) else None
