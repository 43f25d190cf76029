"""Reads an XDM archive (IHE ITI-32) as MSSanté carries it into a submission: its documents, about one patient."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import unquote

from services.records.deposits.domain.bundle_envelopes import ins_of_content
from services.records.deposits.domain.submissions import check_contents
from services.records.deposits.domain.xdm_entries import EntryReader, XdmFile
from services.records.deposits.domain.xdm_parties import read_ins, source_ids_of
from services.records.deposits.domain.xdm_reports import EntryReport
from services.records.quarantine.domain.requests import StatedPersons
from shared.cda.errors import InvalidCdaError, NotCdaError
from shared.cda.header import CdaHeader, read_header
from shared.errors import InvalidError
from shared.fhir.contents import is_xml
from shared.fhir.outcomes import Issue, IssueType
from shared.fhir.submission import InvalidSubmissionError, Span, Submission, SubmittedDocument
from shared.values import Ins
from shared.xdm.archive import Archive, ArchiveEntry, read_archive
from shared.xdm.errors import InvalidArchiveError, MissingMetadataError
from shared.xdm.hl7 import read_unique_id
from shared.xdm.metadata import MAX_DOCUMENTS, DocumentEntry, XdmMetadata, read_metadata

_ROOT, _METADATA = "ihe_xdm", "metadata.xml"
_DEPTH: Final = 3
"""IHE_XDM/<folder>/METADATA.XML."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder of the archive with the metadata of its submission set."""

    path: str
    metadata: XdmMetadata


class XdmRefusedError(InvalidError):
    """The documents of the archive cannot be deposited as they are."""

    code: ClassVar[str] = "submission-invalid"
    french = "Les documents de l’archive ne peuvent pas être déposés tels quels."

    @classmethod
    def of(cls, error: InvalidSubmissionError) -> "XdmRefusedError":
        """Returns the error that names the first issue by its code, and all of them, with their places, in its
        message."""
        sentences = (f"{issue.expression}: {issue.diagnostics}" for issue in error.issues if issue.expression)
        others = (issue.diagnostics for issue in error.issues if not issue.expression)
        refused = cls(" ".join(dict.fromkeys((*sentences, *others))))
        refused.code = error.issues[0].code  # type: ignore[misc]  # the code of this instance
        return refused


def checked_xdm(archive: Archive) -> Submission:
    """Returns the checked submission of all documents of an archive. Raises InvalidArchiveError, XdmRefusedError."""
    try:
        return check_contents(submission_of_xdm(archive))
    except InvalidSubmissionError as error:
        raise XdmRefusedError.of(error) from None


def submission_of_xdm(archive: Archive) -> Submission:
    """Returns the submission of all documents of an archive; its contents are not checked yet (`check_contents`).

    Raises InvalidArchiveError, and InvalidSubmissionError with all issues.
    """
    folders = list(_folders(archive))
    if not folders:
        raise MissingMetadataError
    issues: list[Issue] = []
    documents: list[SubmittedDocument] = []
    used: set[str] = set()
    for folder in folders:
        _check_set(folder.metadata, issues)
        targets = _unique_ids(folder.metadata)
        for entry in folder.metadata.entries:
            file = _file(archive, folder.path, entry, used, issues)
            if file is None:
                continue
            report = EntryReport(entry.number, issues)
            reader = EntryReader(entry, file, folder.metadata.associations, targets, report)
            document = reader.document(len(documents))
            if document is not None:
                documents.append(document)
    _check_patient(folders, documents, issues)
    _check_unique_ids(documents, issues)
    if issues:
        raise InvalidSubmissionError(tuple(issues))
    first = folders[0].metadata.submission_set
    date = max(document.date for document in documents)
    unique_id, source_id = read_unique_id(first.unique_id), read_unique_id(first.source_id)
    return Submission(unique_id, source_id, documents[0].ins, date, tuple(documents), ())


def persons_of_archive(body: bytes, limit: int) -> StatedPersons:
    """Returns every INS that an archive states, as far as it can be read: in its CDAs and in METADATA.XML."""
    documents: set[Ins] = set()
    envelope: set[Ins] = set()
    with suppress(InvalidArchiveError, InvalidSubmissionError):
        archive = read_archive(body, limit)
        for file in archive.entries.values():
            documents.update(ins_of_content(archive.read(file)))
        for folder in _folders(archive):
            metadata = folder.metadata
            stated = [metadata.submission_set.patient_id, *(entry.patient_id for entry in metadata.entries)]
            stated += (text for entry in metadata.entries for text in source_ids_of(entry))
            envelope.update(ins for text in stated if (ins := read_ins(text)) is not None)
    return StatedPersons(frozenset(documents), frozenset(envelope))


def metadata_files(archive: Archive) -> Iterator[ArchiveEntry]:
    """Yields each METADATA.XML, in the order of the names of their folders."""
    for key, file in sorted(archive.entries.items()):
        parts = key.split("/")
        if len(parts) == _DEPTH and parts[0] == _ROOT and parts[-1] == _METADATA:
            yield file


def _folders(archive: Archive) -> Iterator[_Folder]:
    total = 0
    for file in metadata_files(archive):
        metadata = read_metadata(archive.read(file))
        total += len(metadata.entries)
        if total > MAX_DOCUMENTS:
            raise _too_many()
        yield _Folder(file.name.rpartition("/")[0], metadata)


def _too_many() -> InvalidSubmissionError:
    text = f"The archive has more than {MAX_DOCUMENTS} documents. Send fewer at once."
    return InvalidSubmissionError((Issue("element-repeated", text, None, IssueType.TOO_COSTLY),))


def _check_set(metadata: XdmMetadata, issues: list[Issue]) -> None:
    """Reports documents that the SubmissionSet does not list, items that are no documents of it, and folders."""
    members, ids = metadata.members(), {entry.id for entry in metadata.entries}
    if ids - members:
        text = "The SubmissionSet must list every DocumentEntry by an association HasMember."
        issues.append(Issue("item-missing", text, "SubmissionSet", IssueType.REQUIRED))
    if members - ids or metadata.has_folder:
        text = "The SubmissionSet lists something else than the documents of this archive: folders and older documents "
        issues.append(
            Issue("item-not-supported", f"{text}are not supported.", "SubmissionSet", IssueType.NOT_SUPPORTED)
        )


def _unique_ids(metadata: XdmMetadata) -> dict[str, str]:
    ids = ((entry.id, read_unique_id(entry.unique_id)) for entry in metadata.entries)
    return {id: unique_id for id, unique_id in ids if unique_id is not None}


def _file(archive: Archive, folder: str, entry: DocumentEntry, used: set[str], issues: list[Issue]) -> XdmFile | None:
    """Returns the file of a DocumentEntry; None, with an issue, where it is missing or cannot be read."""
    place = f"ExtrinsicObject[{entry.number}].URI"
    file = _named(archive, folder, entry.uri)
    if file is None:
        text = "URI must name a file of the archive, by its path from the folder of METADATA.XML."
        issues.append(Issue("file-missing", text, place, IssueType.NOT_FOUND))
        return None
    if file.name in used:
        issues.append(Issue("file-repeated", "Two documents have one file.", place, IssueType.DUPLICATE))
        return None
    used.add(file.name)
    content = archive.read(file)
    header: CdaHeader | None = None
    if is_xml(entry.mime_type or ""):
        try:
            header = read_header(content)
        except NotCdaError:
            header = None
        except InvalidCdaError as error:
            issues.append(Issue(error.code, str(error), place))
            return None
    span = Span(file.start, file.end, is_base64=False) if file.is_stored else None
    return XdmFile(content, span, header, hashlib.sha1(content, usedforsecurity=False).digest())


def _named(archive: Archive, folder: str, uri: str | None) -> ArchiveEntry | None:
    """Returns the file that a URI names. A URI that leaves its folder names none, since no name has dots as a part."""
    if uri is None:
        return None
    for path in dict.fromkeys((unquote(uri), uri)):
        parts = [part for part in path.replace("\\", "/").split("/") if part != "."]
        if (file := archive.find("/".join((folder, *parts)))) is not None:
            return file
    return None


def _check_patient(folders: list[_Folder], documents: list[SubmittedDocument], issues: list[Issue]) -> None:
    """Reports an archive about several patients."""
    stated: list[Ins | None] = [document.ins for document in documents]
    stated += (read_ins(folder.metadata.submission_set.patient_id) for folder in folders)
    if len({ins.matricule for ins in stated if ins is not None}) > 1:
        text = "An archive is about one patient: send one for each."
        issues.append(Issue("patient-inconsistent", text, "SubmissionSet", IssueType.BUSINESS_RULE))


def _check_unique_ids(documents: list[SubmittedDocument], issues: list[Issue]) -> None:
    if len({document.unique_id for document in documents}) < len(documents):
        text = "Two documents of the archive have the same uniqueId."
        issues.append(Issue("entry-duplicate", text, None, IssueType.DUPLICATE))
