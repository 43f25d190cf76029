"""From a file to the ITI-65 Bundle that is sent: a CDA by its header, a PDF by what is told, a Bundle as it is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from deploy.local.errors import LocalError
from shared.errors import CodedError
from shared.fhir.iti65 import Deposit, bundle, bundle_of_cda
from shared.fhir.submission import Author, AuthorKind
from shared.terminology.documents import document_type
from shared.terminology.visibility import Visibility
from shared.values import Ins, check_key, national_structure_id

VISIBILITIES = tuple(one.value for one in Visibility)


class UnusableFileError(LocalError):
    """A file that cannot be sent; the message says why."""


@dataclass(frozen=True)
class Told:
    """What is said on the command line about a file that does not say it itself."""

    ins: str | None = None
    oid: str | None = None
    type: str | None = None
    title: str | None = None
    visibility: tuple[str, ...] = ()
    organisation_id: str | None = None


def bundle_of(path: Path, told: Told) -> bytes:
    """The body to be posted. The same file gives the same bytes: sent again, it is the same deposit.

    Raises UnusableFileError.
    """
    content = _read(path)
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    try:
        if start.startswith(b"%PDF-"):
            return bundle(_pdf(path, content, told))
        if start.startswith(b"<"):
            return bundle_of_cda(content, visibility=told.visibility)
    except CodedError as error:
        raise UnusableFileError(f"{path.name}: {error}") from error
    if start.startswith(b"{"):
        return _checked_bundle(path, content)
    raise UnusableFileError(f"{path.name}: neither a CDA (XML) nor a PDF nor a FHIR Bundle (JSON)")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableFileError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error


def _checked_bundle(path: Path, content: bytes) -> bytes:
    try:
        found = orjson.loads(content)
    except ValueError:
        raise UnusableFileError(f"{path.name}: not valid JSON") from None
    if found.get("resourceType") != "Bundle":
        raise UnusableFileError(f"{path.name}: JSON, but no FHIR Bundle")
    return content


def _pdf(path: Path, content: bytes, told: Told) -> Deposit:
    missing = [f"--{name}" for name in ("ins", "oid", "type", "title") if getattr(told, name) is None]
    if missing or told.ins is None or told.oid is None or told.type is None or told.title is None:
        raise UnusableFileError(f"{path.name}: a PDF says nothing about itself, add {' '.join(missing)}")
    kind = document_type(told.type)
    if kind is None:
        raise UnusableFileError(f"{path.name}: {told.type} is not a document type of the DMP (JDV_J66)")
    ins = Ins.parse(told.ins, told.oid)
    check_key(ins, lenient_test_oids=True)
    made = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    structure = national_structure_id(told.organisation_id) if told.organisation_id else None
    return Deposit(
        content=content,
        content_type="application/pdf",
        ins=ins,
        type=kind,
        title=told.title,
        creation=made,
        period_start=made,
        authors=(Author(AuthorKind.ORGANISATION, organisation=structure),),
        custodian=structure,
        labels=("N", *told.visibility),
    )
