"""Reads the SubmissionSet List of a submission (IHE MHD 4.2, IHE.MHD.Comprehensive.SubmissionSet)."""

from collections.abc import Iterable
from typing import Final

from shared.fhir.bundle_entries import BundleEntries
from shared.fhir.node import Node, canonical_identifier
from shared.fhir.outcomes import IssueType
from shared.fhir.references import resolve

LIST_TYPES: Final = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
_SOURCE_ID: Final = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId"


def find_submission_set(entries: BundleEntries, bundle: Node) -> Node | None:
    """Returns the one SubmissionSet, its elements checked; reports folders, and a Bundle with none or several."""
    submission_sets = []
    for entry in entries.lists:
        if "folder" in _list_codes(entry.node):
            entry.node.wrong(
                "code", "is a folder: folders are not supported", "folder-not-supported", IssueType.NOT_SUPPORTED
            )
        else:
            submission_sets.append(entry.node)
    if not entries.documents:
        bundle.wrong("entry", "holds no DocumentReference", "document-missing", IssueType.REQUIRED)
    if len(submission_sets) != 1:
        code = "submission-set-repeated" if submission_sets else "submission-set-missing"
        bundle.wrong("entry", "must hold one SubmissionSet List", code, IssueType.STRUCTURE)
        return None
    _check_members(submission_sets[0])
    return submission_sets[0]


def check_items(submission_set: Node, document_urls: Iterable[str]) -> None:
    """Reports documents of the Bundle that the SubmissionSet does not list, and items that are not such documents."""
    items = set[str]()
    for item in submission_set.children("entry", required=True):
        reference = item.child("item", required=True)
        target = reference.text("reference", required=True) if reference is not None else None
        if target is not None:
            items.add(resolve(target, submission_set.full_url))
    urls = set(document_urls)
    if items - urls:
        submission_set.wrong(
            "entry",
            "lists something else than the documents of this Bundle: folders and older documents are not supported",
            "item-not-supported",
            IssueType.NOT_SUPPORTED,
        )
    if urls - items - {""}:
        submission_set.wrong(
            "entry", "must list every DocumentReference by its fullUrl", "item-missing", IssueType.REQUIRED
        )


def unique_id_of(submission_set: Node) -> str | None:
    """Returns the uniqueId: the identifier with use `usual`, else the first one."""
    identifiers = sorted(submission_set.children("identifier"), key=lambda node: node.value.get("use") != "usual")
    for node in identifiers:
        value = node.text("value")
        if value is not None and (canonical := canonical_identifier(node.text("system"), value)) is not None:
            return canonical
    return None


def source_id_of(submission_set: Node) -> str | None:
    """Returns the sourceId, which identifies the system that made the submission."""
    for extension in submission_set.children("extension"):
        if extension.value.get("url") == _SOURCE_ID and (identifier := extension.child("valueIdentifier")):
            value = identifier.text("value")
            return canonical_identifier(identifier.text("system"), value) if value is not None else None
    return None


def _check_members(submission_set: Node) -> None:
    submission_set.forbid("modifierExtension", reason="it would change the meaning of the rest")
    if (status := submission_set.text("status", required=True)) is not None and status != "current":
        submission_set.wrong("status", "must be current")
    if "submissionset" not in _list_codes(submission_set):
        submission_set.wrong("code", "must be submissionset (MHDlistTypes)", kind=IssueType.CODE_INVALID)


def _list_codes(node: Node) -> set[str]:
    concept = node.child("code")
    codings = concept.children("coding") if concept is not None else []
    return {code for coding in codings if isinstance(code := coding.value.get("code"), str)}
