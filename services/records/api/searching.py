"""Search parameters of DocumentReference, from a URL or a form."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import parse_qsl
from uuid import UUID

from services.records.usecases.find_documents import LAST, Wanted
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.errors import ClientError
from shared.values import Ins, InvalidInsError

KNOWN = frozenset({"patient", "patient.identifier", "patient:identifier", "status", "_count", "_after", "_format"})
STATUSES = frozenset({"current", "superseded", "entered-in-error"})
STATUS_SYSTEM = "http://hl7.org/fhir/document-reference-status"
LARGEST_PAGE = 100
USUAL_PAGE = 50
LONGEST_FORM = 16_384
MOST_PARAMETERS = 20


class SearchError(ClientError):
    """Search with patient (id of the record) or patient.identifier (INS as system|value), and status, each once."""

    code = "search-invalid"
    french = "Cherchez par patient (id du dossier) ou patient.identifier (système|INS) et par status, une fois chacun."
    status: ClassVar[int] = 400


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for."""

    wanted: Wanted
    statuses: frozenset[str]


def parse_form(text: bytes) -> dict[str, str]:
    """Name and value of each parameter. Raises SearchError."""
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except ValueError as error:
        raise SearchError from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise SearchError("Each search parameter may stand once; several statuses go into one, with commas.")
    return found


def parse_query(ring: Keyring, parameters: dict[str, str]) -> Query:
    """Raises SearchError."""
    unknown = parameters.keys() - KNOWN
    if unknown:
        raise SearchError(f"Not every parameter is known here. These are: {', '.join(sorted(KNOWN))}.")
    patients = [parameters[name] for name in KNOWN if name.startswith("patient") and name in parameters]
    if len(patients) != 1 or not parameters.get("status"):
        raise SearchError
    statuses = _statuses(parameters["status"])
    record_id, fingerprints = _patient(ring, patients[0])
    wanted = Wanted(record_id, fingerprints, _count(parameters), _after(parameters), statuses)
    return Query(wanted, statuses)


def _patient(ring: Keyring, patient: str) -> tuple[UUID | None, tuple[str, ...]]:
    if "|" not in patient:
        return _uuid(patient.removeprefix("Patient/"), "patient"), ()
    try:
        ins = Ins.from_token(patient)
    except InvalidInsError as error:
        raise SearchError(str(error)) from error
    return None, tuple(ring.fingerprints(*ins_parts(ins)))


def _statuses(text: str) -> frozenset[str]:
    found = frozenset(one.removeprefix(f"{STATUS_SYSTEM}|").strip() for one in text.split(","))
    if not found <= STATUSES:
        raise SearchError(f"status is one or several of {', '.join(sorted(STATUSES))}.")
    return found


def _count(parameters: dict[str, str]) -> int:
    text = parameters.get("_count", str(USUAL_PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) == 0:
        raise SearchError(f"_count is a number from 1 to {LARGEST_PAGE}.")
    return min(int(text), LARGEST_PAGE)


def _after(parameters: dict[str, str]) -> UUID:
    text = parameters.get("_after")
    return LAST if text is None else _uuid(text, "_after")


def _uuid(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise SearchError(f"{name} is not a valid id.") from error
