"""Makes the ITI-65 Bundle of a file, from a CDA's header or the stated metadata of a PDF; a Bundle stays unchanged."""

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from deploy.local.platform.errors import LocalError
from shared.errors import CodedError
from shared.fhir.cda_deposit import bundle_of_cda
from shared.fhir.iti65 import Deposit, bundle
from shared.fhir.submission import Author, AuthorKind
from shared.terminology.documents import document_type, document_types
from shared.values import Ins, check_key, national_structure_id

_NEAR = 3


class UnusableFileError(LocalError):
    """The file cannot be deposited; the message says why."""


@dataclass(frozen=True)
class StatedMetadata:
    """Metadata from the command line, for files that do not contain them."""

    ins: str | None = None
    oid: str | None = None
    type: str | None = None
    title: str | None = None
    visibility: tuple[str, ...] = ()
    organisation_id: str | None = None


def bundle_of(path: Path, metadata: StatedMetadata) -> bytes:
    """Returns the body of the deposit. A file always gives equal bytes, so that sending it again changes nothing.

    Raises UnusableFileError.
    """
    content = _read(path)
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    try:
        if start.startswith(b"%PDF-"):
            return bundle(_pdf(path, content, metadata))
        if start.startswith(b"<"):
            return bundle_of_cda(content, visibility=metadata.visibility)
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
        resource = orjson.loads(content)
    except ValueError:
        raise UnusableFileError(f"{path.name}: not valid JSON") from None
    if resource.get("resourceType") != "Bundle":
        raise UnusableFileError(f"{path.name}: the JSON is no FHIR Bundle")
    return content


def _unknown_type(text: str) -> str:
    """Returns an error that names the document types whose code or label is nearest to the text."""
    words = {word for word in text.lower().split() if len(word) > 2}
    near = difflib.get_close_matches(text.upper(), document_types(), n=_NEAR, cutoff=0.6)
    near += [code for code, kind in document_types().items() if words & set(kind.label.lower().split())]
    shown = ", ".join(f"{code} ({document_types()[code].label})" for code in dict.fromkeys(near[:_NEAR]))
    where = f"near ones are {shown}" if shown else "its codes are those of LOINC and TRE_A05, such as 11490-0"
    return f"{text} is not a document type of the DMP (JDV_J66): {where}"


def _pdf(path: Path, content: bytes, metadata: StatedMetadata) -> Deposit:
    missing = [f"--{name}" for name in ("ins", "oid", "type", "title") if getattr(metadata, name) is None]
    if missing or metadata.ins is None or metadata.oid is None or metadata.type is None or metadata.title is None:
        raise UnusableFileError(f"{path.name}: a PDF contains no metadata: add {' '.join(missing)}")
    kind = document_type(metadata.type)
    if kind is None:
        raise UnusableFileError(f"{path.name}: {_unknown_type(metadata.type)}")
    ins = Ins.parse(metadata.ins, metadata.oid)
    check_key(ins, lenient_test_oids=True)
    made = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    structure = national_structure_id(metadata.organisation_id) if metadata.organisation_id else None
    return Deposit(
        content=content,
        content_type="application/pdf",
        ins=ins,
        type=kind,
        title=metadata.title,
        creation=made,
        period_start=made,
        authors=(Author(AuthorKind.ORGANISATION, organisation=structure),),
        custodian=structure,
        labels=("N", *metadata.visibility),
    )
