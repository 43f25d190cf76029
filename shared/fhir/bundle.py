"""Reads a PDSm ITI-65 submission (Provide Document Bundle): a FHIR R4 transaction Bundle, from its bytes.

Sources: IHE MHD 4.2 (ITI-65), PDSm 3.1.1 (pdsm-comprehensive-provide-document-bundle), DMP draft 0.1.0. One
SubmissionSet List, one DocumentReference or more, a Binary for each, at most one Patient. Folders, updates of older
documents and by-reference entries are answered as not supported.
"""

from collections.abc import Callable
from typing import Final

from shared.fhir import contents, document_reference, parties
from shared.fhir.document_reference import BinaryEntry
from shared.fhir.node import Node, Report, canonical_identifier, load, refuse_nul
from shared.fhir.outcomes import IssueType
from shared.fhir.submission import InvalidSubmissionError, Submission, SubmittedDocument
from shared.values import Ins

MAX_DOCUMENTS: Final = 50

_SOURCE_ID: Final = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId"


class _Entries:
    """The entries of the Bundle, split by resource type by hand: a union of models would try them all."""

    __slots__ = ("binaries", "by_url", "documents", "lists", "patients", "report", "types")

    def __init__(self, report: Report) -> None:
        self.report = report
        self.types: list[str] = []
        self.by_url: dict[str, Node] = {}
        self.lists: list[Node] = []
        self.documents: list[tuple[int, Node, str]] = []
        self.binaries: list[tuple[int, Node, str]] = []
        self.patients: list[Node] = []

    def add(self, index: int, entry: Node) -> None:
        """Sorts one entry in; what is wrong with it is reported."""
        resource = entry.child("resource", required=True)
        kind = resource.text("resourceType", required=True) if resource is not None else None
        self.types.append(kind or "")
        if resource is None or kind is None:
            return
        take = self._takers().get(kind)
        if take is None:
            self._refuse(kind, entry)
            return
        self._check_request(kind, entry)
        url = entry.text("fullUrl", required=kind in ("DocumentReference", "Binary"))
        if url is not None and url in self.by_url:
            entry.wrong("fullUrl", "stands on two entries", "entry-duplicate", IssueType.DUPLICATE)
        elif url is not None:
            self.by_url[url] = resource
        take(index, resource, url or "")

    def _takers(self) -> dict[str, Callable[[int, Node, str], None]]:
        return {
            "List": lambda _index, node, _url: self.lists.append(node),
            "DocumentReference": lambda index, node, url: self.documents.append((index, node, url)),
            "Binary": lambda index, node, url: self.binaries.append((index, node, url)),
            "Patient": lambda _index, node, _url: self.patients.append(node),
        }

    def _refuse(self, kind: str, entry: Node) -> None:
        if kind == "Parameters":
            entry.wrong(
                "resource",
                "updates an older document: PATCH is not supported, deposit with relatesTo instead",
                "update-not-supported",
                IssueType.NOT_SUPPORTED,
            )
        else:
            entry.wrong(
                "resource",
                "has a type that a submission does not take: send List, DocumentReference, Binary and Patient only",
                "resource-not-supported",
                IssueType.NOT_SUPPORTED,
            )

    def _check_request(self, kind: str, entry: Node) -> None:
        request = entry.child("request", required=True)
        if request is None:
            return
        method, url = request.text("method", required=True), request.text("url", required=True)
        if method is not None and method != "POST":
            request.wrong("method", "must be POST", "method-not-supported", IssueType.NOT_SUPPORTED)
        if url is not None and url.strip("/") != kind:
            request.wrong("url", f"must be {kind}")
        for name in ("ifNoneExist", "ifMatch", "ifNoneMatch", "ifModifiedSince"):
            if name in request.value and kind != "Patient":
                request.wrong(
                    name, "is not supported here: leave it out", "condition-not-supported", IssueType.NOT_SUPPORTED
                )


def parse_submission(body: bytes, *, max_documents: int = MAX_DOCUMENTS) -> Submission:
    """The submission in a request body.

    Raises InvalidSubmissionError with every issue found (at most 50), and nothing else, whatever the bytes are. Only
    the Bundle itself is checked: whether the record is open, its traits agree and the content may be taken is for the
    caller.
    """
    report = Report()
    bundle = Node(load(body), "Bundle", report)
    entries = _split(bundle, max_documents)
    submission_set = _submission_set(entries, bundle)
    binaries = _binaries(entries, body)
    refuse_nul(bundle.value, body, [binary.span for binary in binaries.values() if binary.span is not None])
    documents = _documents(entries, binaries)
    _check_binaries_used(entries)
    ins = _one_patient(documents, submission_set, entries)
    if submission_set is not None:
        _check_membership(submission_set, entries)
        date = submission_set.moment("date", required=True)
    if report.issues or submission_set is None or ins is None or date is None:
        raise report.failure()
    return Submission(
        unique_id=_unique_id(submission_set),
        source_id=_source_id(submission_set),
        ins=ins,
        date=date,
        documents=tuple(documents),
        entries=tuple(entries.types),
    )


def _split(bundle: Node, max_documents: int) -> _Entries:
    """The entries by type. Raises InvalidSubmissionError at once for another Bundle, or one with too many entries."""
    report = bundle.report
    if bundle.value.get("resourceType") != "Bundle":
        bundle.wrong(
            "resourceType", "must be Bundle: POST a transaction (ITI-65)", "resource-unexpected", IssueType.STRUCTURE
        )
        raise InvalidSubmissionError(tuple(report.issues), malformed=True)
    if bundle.value.get("type") != "transaction":
        bundle.wrong("type", "must be transaction", "bundle-type-unexpected", IssueType.NOT_SUPPORTED)
        raise report.failure()
    nodes = bundle.children("entry", required=True)
    if len(nodes) > 2 * max_documents + 2:
        bundle.wrong(
            "entry", f"holds more than {max_documents} documents", "submission-too-large", IssueType.TOO_COSTLY
        )
        raise report.failure()
    entries = _Entries(report)
    for index, entry in enumerate(nodes):
        entries.add(index, entry)
    return entries


def _submission_set(entries: _Entries, bundle: Node) -> Node | None:
    sets = []
    for node in entries.lists:
        if _is_folder(node):
            node.wrong(
                "code", "is a folder: folders are not supported", "folder-not-supported", IssueType.NOT_SUPPORTED
            )
        else:
            sets.append(node)
    if not entries.documents:
        bundle.wrong("entry", "holds no DocumentReference", "document-missing", IssueType.REQUIRED)
    if len(sets) != 1:
        code = "submission-set-repeated" if sets else "submission-set-missing"
        bundle.wrong("entry", "must hold one SubmissionSet List", code, IssueType.STRUCTURE)
        return None
    submission_set = sets[0]
    submission_set.forbid("modifierExtension", reason="it would change the meaning of the rest")
    if (status := submission_set.text("status", required=True)) is not None and status != "current":
        submission_set.wrong("status", "must be current")
    if "submissionset" not in _list_codes(submission_set):
        submission_set.wrong("code", "must be submissionset (MHDlistTypes)", kind=IssueType.CODE_INVALID)
    return submission_set


def _is_folder(node: Node) -> bool:
    return "folder" in _list_codes(node)


def _list_codes(node: Node) -> set[str]:
    concept = node.child("code")
    codings = concept.children("coding") if concept is not None else []
    return {code for coding in codings if isinstance(code := coding.value.get("code"), str)}


def _binaries(entries: _Entries, body: bytes) -> dict[str, BinaryEntry]:
    """The Binaries by fullUrl, decoded. Their texts follow one another in the body: each is searched after the last."""
    binaries: dict[str, BinaryEntry] = {}
    position = 0
    for index, node, url in entries.binaries:
        decoded = contents.decode(node)
        if decoded is None:
            continue
        span = contents.span_of(body, position, decoded[1], decoded[0])
        position = span.end if span is not None else position
        binaries[url] = BinaryEntry(index, node, decoded[0], span)
    return binaries


def _documents(entries: _Entries, binaries: dict[str, BinaryEntry]) -> list[SubmittedDocument]:
    documents, seen, used = [], set[str](), set[str]()
    undecoded = {url for _, _, url in entries.binaries} - binaries.keys()
    for index, node, _ in entries.documents:
        url = document_reference.content_url(node)
        if url is None or (url not in binaries and url not in undecoded):
            node.report.add(
                "binary-missing",
                "attachment.url must be the fullUrl of a Binary of this Bundle.",
                node.at("content[0].attachment.url"),
                IssueType.NOT_FOUND,
            )
        elif url in used:
            node.wrong("content", "shares its Binary with another document", "binary-shared", IssueType.DUPLICATE)
        used.add(url or "")
        document = document_reference.read(index, node, entries.by_url, binaries.get(url or ""))
        if document is None:
            continue
        if document.unique_id in seen:
            node.wrong("masterIdentifier", "stands on two documents", "entry-duplicate", IssueType.DUPLICATE)
        seen.add(document.unique_id)
        documents.append(document)
    return documents


def _check_binaries_used(entries: _Entries) -> None:
    used = {document_reference.content_url(node) for _, node, _ in entries.documents}
    for _, node, url in entries.binaries:
        if url and url not in used:
            node.report.add(
                "binary-unused", "No DocumentReference points to this Binary.", node.path, IssueType.STRUCTURE
            )


def _check_membership(submission_set: Node, entries: _Entries) -> None:
    """Every document is an item of the SubmissionSet, and every item is a document of this Bundle."""
    listed = set[str]()
    for item in submission_set.children("entry", required=True):
        reference = item.child("item", required=True)
        target = reference.text("reference", required=True) if reference is not None else None
        if target is not None:
            listed.add(target)
    urls = {url for _, _, url in entries.documents}
    if listed - urls:
        submission_set.wrong(
            "entry",
            "lists something else than the documents of this Bundle: folders and older documents are not supported",
            "item-not-supported",
            IssueType.NOT_SUPPORTED,
        )
    if urls - listed - {""}:
        submission_set.wrong(
            "entry", "must list every DocumentReference by its fullUrl", "item-missing", IssueType.REQUIRED
        )


def _one_patient(documents: list[SubmittedDocument], submission_set: Node | None, entries: _Entries) -> Ins | None:
    """The one patient of the submission (IHE MHD: all documents and the SubmissionSet have the same)."""
    if len(entries.patients) > 1:
        entries.patients[1].report.add(
            "patient-repeated", "Send one Patient at most.", entries.patients[1].path, IssueType.DUPLICATE
        )
    ins_values = {document.ins for document in documents}
    if submission_set is not None:
        stated = parties.subject_ins(submission_set, parties.Resources(submission_set, entries.by_url))
        ins_values |= {stated} if stated is not None else set()
    if len(ins_values) > 1 and submission_set is not None:
        submission_set.wrong(
            "subject", "and the documents name different patients", "patient-inconsistent", IssueType.BUSINESS_RULE
        )
    return next(iter(ins_values), None)


def _unique_id(submission_set: Node) -> str | None:
    """The uniqueId (use usual), else the first identifier."""
    identifiers = sorted(submission_set.children("identifier"), key=lambda node: node.value.get("use") != "usual")
    for node in identifiers:
        value = node.text("value")
        if value is not None and (canonical := canonical_identifier(node.text("system"), value)) is not None:
            return canonical
    return None


def _source_id(submission_set: Node) -> str | None:
    for extension in submission_set.children("extension"):
        if extension.value.get("url") == _SOURCE_ID and (identifier := extension.child("valueIdentifier")):
            value = identifier.text("value")
            return canonical_identifier(identifier.text("system"), value) if value is not None else None
    return None
