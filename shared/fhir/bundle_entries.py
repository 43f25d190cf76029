"""Splits a submission Bundle into entries by resource type and checks each entry (FHIR R4, Bundle.entry)."""

from dataclasses import dataclass, field
from typing import Final

from shared.fhir.node import Node
from shared.fhir.outcomes import IssueType
from shared.fhir.references import canonical_url
from shared.fhir.submission import InvalidSubmissionError

_TYPES: Final = ("List", "DocumentReference", "Binary", "Patient")
_NEED_URL: Final = ("DocumentReference", "Binary")
_CONDITIONS: Final = ("ifNoneExist", "ifMatch", "ifNoneMatch", "ifModifiedSince")


@dataclass(frozen=True, slots=True)
class ResourceEntry:
    """The resource of an entry. `index`: the entry's place in the Bundle, from 0; `url`: its fullUrl in canonical
    form, "" where it has none."""

    index: int
    node: Node
    url: str


@dataclass(frozen=True, slots=True)
class BundleEntries:
    """The entries of one Bundle. `types`: the resource type of every entry in order, "" when it has none. `by_url`:
    every resource with a fullUrl."""

    types: list[str] = field(default_factory=list)
    by_url: dict[str, Node] = field(default_factory=dict)
    by_type: dict[str, list[ResourceEntry]] = field(default_factory=lambda: {name: [] for name in _TYPES})

    @property
    def lists(self) -> list[ResourceEntry]:
        """The Lists: SubmissionSets and folders."""
        return self.by_type["List"]

    @property
    def documents(self) -> list[ResourceEntry]:
        """The DocumentReferences."""
        return self.by_type["DocumentReference"]

    @property
    def binaries(self) -> list[ResourceEntry]:
        """The Binaries."""
        return self.by_type["Binary"]

    @property
    def patients(self) -> list[ResourceEntry]:
        """The Patients."""
        return self.by_type["Patient"]


def split_entries(bundle: Node, max_documents: int) -> BundleEntries:
    """Returns the entries by type; reports the faults of each.

    Raises InvalidSubmissionError at once for a resource that is no transaction Bundle, and for a Bundle with more
    entries than `max_documents` documents need.
    """
    _check_is_transaction(bundle)
    nodes = bundle.children("entry", required=True)
    if len(nodes) > 2 * max_documents + 2:
        bundle.wrong(
            "entry", f"holds more than {max_documents} documents", "submission-too-large", IssueType.TOO_COSTLY
        )
        raise bundle.report.failure()
    entries = BundleEntries()
    for index, entry in enumerate(nodes):
        _add(entries, index, entry)
    return entries


def _check_is_transaction(bundle: Node) -> None:
    if bundle.value.get("resourceType") != "Bundle":
        bundle.wrong(
            "resourceType", "must be Bundle: POST a transaction (ITI-65)", "resource-unexpected", IssueType.STRUCTURE
        )
        raise InvalidSubmissionError(tuple(bundle.report.issues), malformed=True)
    if bundle.value.get("type") != "transaction":
        bundle.wrong("type", "must be transaction", "bundle-type-unexpected", IssueType.NOT_SUPPORTED)
        raise bundle.report.failure()


def _add(entries: BundleEntries, index: int, entry: Node) -> None:
    resource = entry.child("resource", required=True)
    resource_type = resource.text("resourceType", required=True) if resource is not None else None
    entries.types.append(resource_type or "")
    if resource is None or resource_type is None:
        return
    if resource_type not in _TYPES:
        _report_unsupported(resource_type, entry)
        return
    _check_request(resource_type, entry)
    full_url = entry.text("fullUrl", required=resource_type in _NEED_URL)
    url = canonical_url(full_url or "")
    resource = Node(resource.value, resource.path, resource.report, url)
    if url in entries.by_url:
        entry.wrong("fullUrl", "stands on two entries", "entry-duplicate", IssueType.DUPLICATE)
    elif url:
        entries.by_url[url] = resource
    entries.by_type[resource_type].append(ResourceEntry(index, resource, url))


def _report_unsupported(resource_type: str, entry: Node) -> None:
    if resource_type == "Parameters":
        text = "updates an older document: PATCH is not supported, deposit with relatesTo instead"
        entry.wrong("resource", text, "update-not-supported", IssueType.NOT_SUPPORTED)
    else:
        text = "has a type that a submission does not take: send List, DocumentReference, Binary and Patient only"
        entry.wrong("resource", text, "resource-not-supported", IssueType.NOT_SUPPORTED)


def _check_request(resource_type: str, entry: Node) -> None:
    request = entry.child("request", required=True)
    if request is None:
        return
    method, url = request.text("method", required=True), request.text("url", required=True)
    if method is not None and method != "POST":
        request.wrong("method", "must be POST", "method-not-supported", IssueType.NOT_SUPPORTED)
    if url is not None and url.strip("/") != resource_type:
        request.wrong("url", f"must be {resource_type}")
    if resource_type == "Patient":
        return
    for name in _CONDITIONS:
        if name in request.value:
            request.wrong(
                name, "is not supported here: leave it out", "condition-not-supported", IssueType.NOT_SUPPORTED
            )
