"""A JSON Patch (RFC 6902) of a DocumentReference: what it asks to be so, and by which changes it becomes so.

PDSm `st_maj`: only status, securityLabel and the extensions isArchived and isDeleted may be patched; TD3.3a to d.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.records.domain.documents import Head
from services.records.domain.facts import status_of
from services.records.domain.listing import fhir_status
from shared.errors import ClientError, InvalidError
from shared.fhir.write import IS_ARCHIVED, security_labels
from shared.terminology.visibility import Confidentiality, Visibility, label, normalised

IS_DELETED: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-deleted"
MOST_OPERATIONS = 20
PATCHABLE = ("status", "securityLabel", "extension")
_CHANGES = {
    Visibility.MASKED: ("mask", "unmask"),
    Visibility.INVISIBLE_TO_PATIENT: ("hide-from-patient", "show-to-patient"),
    Visibility.INVISIBLE_TO_REPRESENTATIVES: ("hide-from-representatives", "show-to-representatives"),
}
_LABEL_OF = {code: (one, code == set_) for one, (set_, lift) in _CHANGES.items() for code in (set_, lift)}


class PatchInvalidError(InvalidError):
    """Send a JSON Patch (RFC 6902): operations add, remove, replace or test on /status, /securityLabel or /extension.
    securityLabel takes N and the visibility codes, status takes current or entered-in-error (deleted for ever), the
    extensions isArchived and isDeleted take a valueBoolean."""

    code = "patch-invalid"
    french = "Cette modification n’est pas comprise : seuls la visibilité, l’archivage et la suppression changent."


class ElementFixedError(ClientError):
    """Only status, securityLabel and the extensions isArchived and isDeleted of a document can be changed."""

    code = "element-fixed"
    french = "D’un document, seuls la visibilité, l’archivage et la suppression peuvent changer."
    status: ClassVar[int] = 405


class VersionDiffersError(ClientError):
    """The document was changed since. Read it again, and send its ETag as If-Match."""

    code = "version-differs"
    french = "Le document a changé entre-temps. Relisez-le, puis recommencez."
    status: ClassVar[int] = 412


class Operation(BaseModel):
    """One operation of a JSON Patch."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    op: Literal["add", "remove", "replace", "test"]
    path: str = Field(max_length=300)
    value: Any = None


_PATCH = TypeAdapter(list[Operation])


@dataclass(frozen=True, slots=True)
class Asked:
    """What a document is to be."""

    labels: frozenset[str]
    archived: bool
    deleted: bool
    masks: bool = False
    """Whether the patch itself sets MASQUE_PS, be it there already or not."""


def read_patch(body: bytes) -> list[Operation]:
    """The operations. Raises PatchInvalidError, ElementFixedError."""
    try:
        operations = _PATCH.validate_json(body)
    except ValidationError as error:
        raise PatchInvalidError from error
    if not 0 < len(operations) <= MOST_OPERATIONS:
        raise PatchInvalidError
    for one in operations:
        name = one.path.split("/")[1:2]
        if not one.path.startswith("/") or "[" in one.path:
            raise PatchInvalidError
        if name[0] not in PATCHABLE:
            raise ElementFixedError
    return operations


def asked_of(head: Head, operations: Sequence[Operation]) -> Asked:
    """What the document would be after the patch. Raises PatchInvalidError."""
    found = orjson.loads(orjson.dumps(_projection(head)))
    try:
        for one in operations:
            _apply(found, one)
        return replace(_read(found), masks=any(_sets_mask(one) for one in operations))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise PatchInvalidError from error


def changes_between(head: Head, asked: Asked, *, by_patient_side: bool) -> list[str]:
    """Codes of the access rules, what is lifted before what is set; `delete` stands alone.

    Who is of the patient's side and masks what its author has masked makes the mask the patient's.
    """
    if asked.deleted:
        return ["delete"]
    is_masked = Visibility.MASKED in head.labels and Visibility.MASKED in asked.labels
    taken_over = is_masked and by_patient_side and asked.masks and head.masked_by != "patient"
    lifted = [lift for one, (_, lift) in _CHANGES.items() if one in head.labels and one not in asked.labels]
    set_ = [code for one, (code, _) in _CHANGES.items() if one in asked.labels and one not in head.labels]
    moved = [] if asked.archived == head.archived else ["archive" if asked.archived else "unarchive"]
    return lifted + set_ + (["mask"] if taken_over else []) + moved


def after(head: Head, change: str, *, by_patient_side: bool) -> Head:
    """The document with one change made."""
    match change:
        case "delete":
            return replace(head, life="deleted", archived=False)
        case "archive" | "unarchive":
            return replace(head, archived=change == "archive")
        case "mask":
            masker = "patient" if by_patient_side else "author"
            return replace(head, labels=labels_after(head.labels, change), masked_by=masker)
        case "unmask":
            return replace(head, labels=labels_after(head.labels, change), masked_by=None)
        case "show-to-representatives":
            return replace(head, labels=labels_after(head.labels, change), shown_to_representatives=True)
        case _:
            return replace(head, labels=labels_after(head.labels, change))


def labels_after(labels: frozenset[str], change: str) -> frozenset[str]:
    """The labels with one change made."""
    if change not in _LABEL_OF:
        return labels
    one, is_set = _LABEL_OF[change]
    return labels | {one.value} if is_set else labels - {one.value}


def sorted_labels(labels: frozenset[str]) -> tuple[str, ...]:
    """As they are stored and told."""
    return normalised(found for code in labels if (found := label(code)) is not None)


def _sets_mask(operation: Operation) -> bool:
    return operation.op in ("add", "replace") and Visibility.MASKED.value.encode() in orjson.dumps(operation.value)


def _projection(head: Head) -> dict[str, Any]:
    extensions = [{"url": IS_ARCHIVED, "valueBoolean": True}] if head.archived else []
    return {
        "status": fhir_status(status_of(head.status, head.life, archived=head.archived)),
        "securityLabel": security_labels(sorted_labels(head.labels)),
        "extension": extensions,
    }


def _apply(found: Any, operation: Operation) -> None:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in operation.path.split("/")[1:]]
    for step in steps[:-1]:
        found = found[_place(found, step)]
    last, value = steps[-1], operation.value
    if isinstance(found, list) and operation.op == "add":
        found.insert(len(found) if last == "-" else _place(found, last, beyond=1), value)
        return
    place = last if operation.op == "add" else _place(found, last)
    match operation.op:
        case "add" | "replace":
            found[place] = value
        case "remove":
            del found[place]
        case "test":
            if found[place] != value:
                raise ValueError(operation.path)


def _place(found: Any, step: str, *, beyond: int = 0) -> Any:
    """A key that is there, or an index. Raises KeyError, IndexError, ValueError."""
    if isinstance(found, dict):
        found[step]
        return step
    if not (step.isascii() and step.isdigit() and (step == "0" or step[0] != "0")):
        raise ValueError(step)
    if int(step) >= len(found) + beyond:
        raise IndexError(step)
    return int(step)


def _read(found: dict[str, Any]) -> Asked:
    codings = [coding for concept in found.get("securityLabel", []) for coding in concept["coding"]]
    labels = [label(coding["code"], coding.get("system")) for coding in codings]
    if any(one is None or (isinstance(one, Confidentiality) and one != Confidentiality.NORMAL) for one in labels):
        raise PatchInvalidError
    flags = {one["url"]: one["valueBoolean"] for one in found.get("extension", [])}
    if not flags.keys() <= {IS_ARCHIVED, IS_DELETED} or any(not isinstance(one, bool) for one in flags.values()):
        raise PatchInvalidError
    deleted = flags.get(IS_DELETED, False) or found["status"] == "entered-in-error"
    if not deleted and found["status"] not in ("current", "superseded"):
        raise PatchInvalidError
    return Asked(frozenset(normalised(one for one in labels if one)), flags.get(IS_ARCHIVED, False), deleted)
