"""What is checked of a submission at the door, but for what only the record knows."""

import re
from collections.abc import Iterator, Mapping
from uuid import UUID

from services.records.domain.documents import KnownRecord
from shared.cda.errors import InvalidCdaError
from shared.cda.xml import check_xml
from shared.contracts.base import CODE_PATTERN
from shared.crypto import Keyring
from shared.errors import ConflictError, InvalidError
from shared.fhir.bundle import parse_submission
from shared.fhir.contents import is_xml
from shared.fhir.outcomes import Issue, IssueType, Severity
from shared.fhir.submission import InvalidSubmissionError, Submission, SubmittedDocument
from shared.fingerprints import ins_parts, trait_parts
from shared.values import SentTraits, Sex

_CODE = re.compile(CODE_PATTERN)
_CODE_LENGTH = 64
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
REPLACES = "replaces"
"""DocumentReference.relatesTo.code of a document that takes the place of another (IHE XDS RPLC)."""


class RecordUnknownError(InvalidError):
    """There is no record for this INS. Check the INS with the teleservice INSi; the person may have no record."""

    code = "record-unknown"
    french = "Il n’y a pas de dossier pour cet INS. Vérifiez-le ; la personne n’en a peut-être pas."


class RecordClosedError(InvalidError):
    """The record of this person is closed: nothing can be deposited in it."""

    code = "record-closed"
    french = "Le dossier de cette personne est clos : rien ne peut y être ajouté."


class TraitsMismatchError(InvalidError):
    """The strict traits are not those of this INS. Check the identity with the teleservice INSi, then send it again."""

    code = "traits-mismatch"
    french = "Les traits stricts ne sont pas ceux de cet INS. Vérifiez l’identité, puis renvoyez le document."


class UniqueIdTakenError(ConflictError):
    """A masterIdentifier of this submission stands for something else in this record: bytes, type, labels, organisation
    or the set of documents differ. Give new documents new identifiers, and send known ones as they were sent."""

    code = "unique-id-taken"
    french = "Cet identifiant désigne déjà un autre document. Donnez un identifiant nouveau à un document nouveau."


class ReplacedUnknownError(InvalidError):
    """The document to be replaced is not here, is not yours, or was replaced already. Search for it again."""

    code = "replaced-document-unknown"
    french = "Le document à remplacer n’est pas ici, n’est pas le vôtre ou a déjà été remplacé. Cherchez-le à nouveau."


def examine(body: bytes) -> Submission:
    """The submission, when its form and its contents may be taken. Raises InvalidSubmissionError."""
    submission = parse_submission(body)
    issues = tuple(
        issue
        for document in submission.documents
        for issue in (*_issues_of_content(document), *_issues_of_relations(document))
    )
    if issues:
        raise InvalidSubmissionError(issues)
    return submission


def _issues_of_content(document: SubmittedDocument) -> Iterator[Issue]:
    if not is_xml(document.content_type):
        return
    place = f"Bundle.entry[{document.binary_entry}].resource.data"
    try:
        checked = check_xml(document.content)
    except InvalidCdaError as error:
        yield Issue(error.code, str(error), place, IssueType.INVALID)
        return
    if checked.ins and document.ins is not None and ins_parts(document.ins) not in map(ins_parts, checked.ins):
        yield Issue(
            "patient-mismatch",
            "The CDA is about another patient than its DocumentReference: send each document with its own metadata.",
            place,
            IssueType.BUSINESS_RULE,
        )


def _issues_of_relations(document: SubmittedDocument) -> Iterator[Issue]:
    if sum(one.code == REPLACES for one in document.relations) > 1:
        yield Issue(
            "replaces-several",
            "A document takes the place of one other at most.",
            f"Bundle.entry[{document.entry}].resource.relatesTo",
            IssueType.BUSINESS_RULE,
        )


def warnings_of(document: SubmittedDocument) -> list[Issue]:
    """What was sent and does not count."""
    if document.class_sent is None or document.class_sent == document.type.class_code:
        return []
    return [
        Issue(
            "class-derived",
            f"The class follows from the type: {document.type.code} is of class {document.type.class_code}, "
            "the category that was sent does not count.",
            f"Bundle.entry[{document.entry}].resource.category",
            IssueType.BUSINESS_RULE,
            Severity.WARNING,
        )
    ]


def refusal_at_the_door(ring: Keyring, record: KnownRecord, submission: Submission) -> InvalidError | None:
    """Why this record cannot take the submission, as far as that is known at once."""
    if record.status != "open":
        return RecordClosedError()
    for document in submission.documents:
        if differing_traits(ring, record.id, record.traits, document.traits):
            return TraitsMismatchError()
    return None


def differing_traits(
    ring: Keyring, record_id: UUID, known: Mapping[str, str | None], sent: SentTraits | None
) -> tuple[str, ...]:
    """The names of the traits that were sent, are known, and differ. "Unknown" as a sex is no statement."""
    if sent is None:
        return ()
    return tuple(
        name
        for name, value in sent.normalised().items()
        if (kept := known.get(name)) is not None
        and (name, value) != ("sex", Sex.UNKNOWN.value)
        and not ring.matches(kept, *trait_parts(record_id, name, value))
    )


def professionals_of(document: SubmittedDocument) -> list[str]:
    """National ids of the professionals among the authors."""
    return [one.professional for one in document.authors if one.professional]


def replaced_of(document: SubmittedDocument) -> UUID | str | None:
    """Whose place the document takes: the id of a DocumentReference here, or a producer's identifier (canonical)."""
    for one in document.relations:
        if one.code == REPLACES:
            last = one.target.rpartition("/")[2]
            return UUID(last) if _UUID.fullmatch(last) else one.target
    return None


def as_code(text: str | None) -> str | None:
    """The text when it has the form of a code that events may carry."""
    return text if text and len(text) <= _CODE_LENGTH and _CODE.fullmatch(text) else None
