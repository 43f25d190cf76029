"""Parses the search parameters of DocumentReference from a URL or a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.records.documents.api.filters import PARAMETERS, parse_filters, parse_start
from services.records.documents.steps.document_lists import DocumentQuery
from services.records.documents.steps.record_searches import RecordQuery
from services.records.kit.forms import SearchError, used_parameters
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.fhir.references import patient_id
from shared.values import Ins, InvalidInsError

PATIENTS = frozenset(
    {
        "patient",
        "patient:Patient",
        "patient.identifier",
        "patient:identifier",
        "patient:Patient.identifier",
        "subject",
        "subject:Patient",
        "subject.identifier",
        "subject:identifier",
        "subject:Patient.identifier",
    }
)
"""The names of the parameter that selects the record; every subject of a DocumentReference here is a Patient."""
_RESULT_PARAMETERS = frozenset({"_count", "_after", "_format", "_summary", "_total", "_totalMethod"})
"""`_total` and `_totalMethod` (fhirpy sends it) change nothing: each answer has its accurate total."""
KNOWN_PARAMETERS = PATIENTS | _RESULT_PARAMETERS | PARAMETERS | {"status"}
STATUSES = frozenset({"current", "superseded", "entered-in-error"})
STATUS_SYSTEM = "http://hl7.org/fhir/document-reference-status"
LARGEST_PAGE = 100
USUAL_PAGE = 50


@dataclass(frozen=True, slots=True)
class ParsedSearch:
    """A search, and the parameters that it uses, as they were sent."""

    query: DocumentQuery
    parameters: Mapping[str, str]

    def link_parameters(self, shown: UUID | None) -> dict[str, str]:
        """Returns the parameters for the links of the answer. `shown`: the record whose documents it shows, in place of
        an INS; None where it shows none, because then the links must not tell whether there is a record."""
        record_id = self.query.record.id or shown
        if record_id is None:
            return dict(self.parameters)
        others = {name: value for name, value in self.parameters.items() if name not in PATIENTS}
        return {"patient": f"Patient/{record_id}", **others}


def parse_query(
    ring: Keyring, parameters: Mapping[str, str], base: str = "", *, is_lenient: bool = False
) -> ParsedSearch:
    """Returns the search that these parameters describe. `base`: this server's FHIR, for absolute references;
    `is_lenient` ignores unknown parameters. Raises SearchError."""
    used = used_parameters(parameters, KNOWN_PARAMETERS, is_lenient=is_lenient)
    patients = [used[name] for name in PATIENTS if name in used]
    if len(patients) != 1 or not used.get("status"):
        raise SearchError
    statuses = _statuses(used["status"])
    record = _record(ring, patients[0], base)
    filters = parse_filters(used)
    if _count(used) == 0 and filters.opens_metadata:
        raise SearchError("The total of this search is not known without its pages: ask for documents.")
    query = DocumentQuery(record, _count(used), parse_start(used), statuses, filters)
    return ParsedSearch(query, used)


def _record(ring: Keyring, patient: str, base: str) -> RecordQuery:
    if "|" not in patient:
        return RecordQuery(_uuid(patient_id(patient, base), "patient"))
    try:
        ins = Ins.from_token(patient)
    except InvalidInsError as error:
        raise SearchError(str(error)) from error
    return RecordQuery(None, tuple(ring.fingerprints(*ins_parts(ins))))


def _statuses(text: str) -> frozenset[str]:
    statuses = frozenset(status.removeprefix(f"{STATUS_SYSTEM}|").strip() for status in text.split(","))
    if not statuses <= STATUSES:
        raise SearchError(f"status must be one or several of {', '.join(sorted(STATUSES))}.")
    return statuses


def _count(parameters: Mapping[str, str]) -> int:
    summary, text = parameters.get("_summary", "false"), parameters.get("_count", str(USUAL_PAGE))
    if summary not in ("count", "false"):
        raise SearchError("_summary must be count or false: resources are answered whole.")
    if summary == "count":
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise SearchError(f"_count must be a number from 0 to {LARGEST_PAGE}; 0 gives the total only.")
    return min(int(text), LARGEST_PAGE)


def _uuid(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise SearchError(f"{name} is not a valid id.") from error
