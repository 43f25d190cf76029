"""Search parameters of DocumentReference, from a URL or a form."""

from uuid import UUID

from services.records.documents.usecases.find_documents import LAST_ID, DocumentQuery
from services.records.kit.forms import SearchError
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.values import Ins, InvalidInsError

KNOWN_PARAMETERS = frozenset(
    {"patient", "patient.identifier", "patient:identifier", "status", "_count", "_after", "_format"}
)
STATUSES = frozenset({"current", "superseded", "entered-in-error"})
STATUS_SYSTEM = "http://hl7.org/fhir/document-reference-status"
LARGEST_PAGE = 100
USUAL_PAGE = 50


def parse_query(ring: Keyring, parameters: dict[str, str]) -> DocumentQuery:
    """Returns the search that these parameters describe. Raises SearchError."""
    unknown = parameters.keys() - KNOWN_PARAMETERS
    if unknown:
        raise SearchError(f"A parameter is unknown. The known ones are: {', '.join(sorted(KNOWN_PARAMETERS))}.")
    patients = [parameters[name] for name in KNOWN_PARAMETERS if name.startswith("patient") and name in parameters]
    if len(patients) != 1 or not parameters.get("status"):
        raise SearchError
    statuses = _statuses(parameters["status"])
    record_id, fingerprints = _patient(ring, patients[0])
    return DocumentQuery(record_id, fingerprints, _count(parameters), _after(parameters), statuses)


def _patient(ring: Keyring, patient: str) -> tuple[UUID | None, tuple[str, ...]]:
    if "|" not in patient:
        return _uuid(patient.removeprefix("Patient/"), "patient"), ()
    try:
        ins = Ins.from_token(patient)
    except InvalidInsError as error:
        raise SearchError(str(error)) from error
    return None, tuple(ring.fingerprints(*ins_parts(ins)))


def _statuses(text: str) -> frozenset[str]:
    statuses = frozenset(status.removeprefix(f"{STATUS_SYSTEM}|").strip() for status in text.split(","))
    if not statuses <= STATUSES:
        raise SearchError(f"status must be one or several of {', '.join(sorted(STATUSES))}.")
    return statuses


def _count(parameters: dict[str, str]) -> int:
    text = parameters.get("_count", str(USUAL_PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) == 0:
        raise SearchError(f"_count must be a number from 1 to {LARGEST_PAGE}.")
    return min(int(text), LARGEST_PAGE)


def _after(parameters: dict[str, str]) -> UUID:
    text = parameters.get("_after")
    return LAST_ID if text is None else _uuid(text, "_after")


def _uuid(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise SearchError(f"{name} is not a valid id.") from error
