"""Reads a PDSm ITI-65 submission (Provide Document Bundle) from the bytes of a FHIR R4 transaction Bundle.

Sources: IHE MHD 4.2 (ITI-65), PDSm 3.1.1 (pdsm-comprehensive-provide-document-bundle), DMP draft 0.1.0. A submission
has one SubmissionSet List, one or more DocumentReferences, a Binary for each of them, and at most one Patient. Folders,
updates of older documents and by-reference entries are answered as not supported.
"""

from typing import Final

from shared.fhir import contents, document_reference, parties
from shared.fhir.bundle_entries import BundleEntries, ResourceEntry, split_entries
from shared.fhir.document_reference import BinaryEntry
from shared.fhir.node import Node, Report, load, refuse_nul
from shared.fhir.outcomes import IssueType
from shared.fhir.submission import Submission, SubmittedDocument
from shared.fhir.submission_set import check_items, find_submission_set, source_id_of, unique_id_of
from shared.values import Ins

MAX_DOCUMENTS: Final = 50


def parse_submission(body: bytes, *, max_documents: int = MAX_DOCUMENTS) -> Submission:
    """Returns the submission in a request body.

    Raises InvalidSubmissionError with all issues of the Bundle (at most 50); no bytes raise any other error. Only the
    Bundle itself is checked. The caller checks whether the record is open, the traits agree and the content is
    acceptable.
    """
    report = Report()
    bundle = Node(load(body), "Bundle", report)
    entries = split_entries(bundle, max_documents)
    submission_set = find_submission_set(entries, bundle)
    binaries = _decode_binaries(entries, body)
    refuse_nul(bundle.value, body, [binary.span for binary in binaries.values() if binary.span is not None])
    documents = _read_documents(entries, binaries)
    _check_binaries_used(entries)
    ins = _patient_of(documents, submission_set, entries)
    date = None
    if submission_set is not None:
        check_items(submission_set, [entry.url for entry in entries.documents])
        date = submission_set.moment("date", required=True)
    if report.issues or submission_set is None or ins is None or date is None:
        raise report.failure()
    return Submission(
        unique_id=unique_id_of(submission_set),
        source_id=source_id_of(submission_set),
        ins=ins,
        date=date,
        documents=tuple(documents),
        entries=tuple(entries.types),
    )


def _decode_binaries(entries: BundleEntries, body: bytes) -> dict[str, BinaryEntry]:
    """Returns the decodable Binaries by fullUrl. Each text is searched in the body after the previous one."""
    binaries: dict[str, BinaryEntry] = {}
    position = 0
    for entry in entries.binaries:
        decoded = contents.decode(entry.node)
        if decoded is None:
            continue
        data, text = decoded
        span = contents.span_of(body, position, text, data)
        position = span.end if span is not None else position
        binaries[entry.url] = BinaryEntry(entry.index, entry.node, data, span)
    return binaries


def _read_documents(entries: BundleEntries, binaries: dict[str, BinaryEntry]) -> list[SubmittedDocument]:
    documents: list[SubmittedDocument] = []
    binary_urls = {binary.url for binary in entries.binaries}
    used_urls, unique_ids = set[str](), set[str]()
    for entry in entries.documents:
        url = _check_binary_url(entry, binary_urls, used_urls)
        document = document_reference.read(entry.index, entry.node, entries.by_url, binaries.get(url))
        if document is None:
            continue
        if document.unique_id in unique_ids:
            entry.node.wrong("masterIdentifier", "stands on two documents", "entry-duplicate", IssueType.DUPLICATE)
        unique_ids.add(document.unique_id)
        documents.append(document)
    return documents


def _check_binary_url(document: ResourceEntry, binary_urls: set[str], used_urls: set[str]) -> str:
    """Returns the fullUrl of a document's Binary, "" when it names none, and adds it to `used_urls`. Reports a URL
    that is no Binary of this Bundle or that another document uses."""
    url = document_reference.content_url(document.node)
    if url is None or url not in binary_urls:
        document.node.report.add(
            "binary-missing",
            "attachment.url must be the fullUrl of a Binary of this Bundle.",
            document.node.at("content[0].attachment.url"),
            IssueType.NOT_FOUND,
        )
    elif url in used_urls:
        document.node.wrong("content", "shares its Binary with another document", "binary-shared", IssueType.DUPLICATE)
    used_urls.add(url or "")
    return url or ""


def _check_binaries_used(entries: BundleEntries) -> None:
    used_urls = {document_reference.content_url(entry.node) for entry in entries.documents}
    for binary in entries.binaries:
        if binary.url and binary.url not in used_urls:
            binary.node.report.add(
                "binary-unused", "No DocumentReference points to this Binary.", binary.node.path, IssueType.STRUCTURE
            )


def _patient_of(documents: list[SubmittedDocument], submission_set: Node | None, entries: BundleEntries) -> Ins | None:
    """Returns the patient of the submission (IHE MHD: the SubmissionSet and all documents have the same patient)."""
    if len(entries.patients) > 1:
        second = entries.patients[1].node
        second.report.add("patient-repeated", "Send one Patient at most.", second.path, IssueType.DUPLICATE)
    ins_values = {document.ins for document in documents}
    if submission_set is not None:
        subject = parties.subject_ins(submission_set, parties.Resources(submission_set, entries.by_url))
        ins_values |= {subject} if subject is not None else set()
    if len(ins_values) > 1 and submission_set is not None:
        submission_set.wrong(
            "subject", "and the documents name different patients", "patient-inconsistent", IssueType.BUSINESS_RULE
        )
    return next(iter(ins_values), None)
