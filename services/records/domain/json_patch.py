"""A JSON Patch (RFC 6902) of a DocumentReference: what it asks the document to be.

PDSm `st_maj`: only status, securityLabel and the extensions isArchived and isDeleted may be patched. The DMP's guide
(TD3.3a to d) writes a label over N and N over the label: N in the place of N lifts the one label that hides the
document. What a patch says becomes so, or the patch is refused: none is answered as done that has no effect.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.records.domain.documents import Head
from services.records.domain.facts import status_of
from services.records.domain.listing import fhir_status
from services.records.domain.patching import Asked, sorted_labels
from shared.errors import ClientError, InvalidError
from shared.fhir.write import IS_ARCHIVED, security_labels
from shared.terminology.visibility import Confidentiality, Label, Visibility, label, normalised

IS_DELETED: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-deleted"
MOST_OPERATIONS = 20
PATCHABLE = ("status", "securityLabel", "extension")
_LABEL_PATH = re.compile(r"/securityLabel(?:/(?:\d+|-)(?:/coding(?:/(?:\d+|-)(?:/code)?)?)?)?", re.ASCII)
_BY_URL = re.compile(r"/extension\[url:'([^']{1,200})'\]/valueBoolean")
"""The guide's way to name an extension (TD3.3d), which is none of JSON Pointer."""


class PatchInvalidError(InvalidError):
    """Send a JSON Patch (RFC 6902): operations add, remove, replace or test on /status, /securityLabel or /extension.
    securityLabel takes N and the visibility codes, status takes current or entered-in-error (deleted for ever), the
    extensions isArchived and isDeleted take a valueBoolean. What an operation says must become so."""

    code = "patch-invalid"
    french = "Cette modification n’est pas comprise : seuls la visibilité, l’archivage et la suppression changent."


class LabelAmbiguousError(InvalidError):
    """N does not say which of the document's labels is lifted, or would show it to representatives for ever. Remove the
    label itself: the operation remove with its index, or replace /securityLabel by the labels that stay."""

    code = "label-ambiguous"
    french = "N ne dit pas quelle étiquette est levée. Retirez l’étiquette elle-même, par son rang."


class ElementFixedError(ClientError):
    """Only status, securityLabel and the extensions isArchived and isDeleted of a document can be changed."""

    code = "element-fixed"
    french = "D’un document, seuls la visibilité, l’archivage et la suppression peuvent changer."
    status: ClassVar[int] = 405


class Operation(BaseModel):
    """One operation of a JSON Patch."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    op: Literal["add", "remove", "replace", "test"]
    path: str = Field(max_length=300)
    value: Any = None


_PATCH = TypeAdapter(list[Operation])


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
        if not one.path.startswith("/") or ("[" in one.path and not _BY_URL.fullmatch(one.path)):
            raise PatchInvalidError
        if name[0].partition("[")[0] not in PATCHABLE:
            raise ElementFixedError
        if name[0] == "securityLabel" and one.op != "test" and not _LABEL_PATH.fullmatch(one.path):
            raise PatchInvalidError
    return operations


def asked_of(head: Head, operations: Sequence[Operation]) -> Asked:
    """What the document would be after the patch. Raises PatchInvalidError, LabelAmbiguousError."""
    before = orjson.loads(orjson.dumps(_projection(head)))
    found = orjson.loads(orjson.dumps(before))
    keeps_normal = True
    try:
        for one in operations:
            if not one.path.startswith("/securityLabel") or one.op == "test":
                _apply(found, one)
                continue
            was = _labels_of(found)
            _apply(found, one)
            keeps_normal = _says_normal(found, one, was, keeps_normal)
        return _read(found, before["status"], masks=_sets_mask(operations), keeps_normal=keeps_normal)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise PatchInvalidError from error


def _says_normal(found: Any, operation: Operation, was: list[set[Label]], keeps_normal: bool) -> bool:
    """Whether the labels say N still, or have another one written over it as the guide writes them.

    N that is written over N lifts the one label that hides the document. Raises LabelAmbiguousError, ValueError.
    """
    said = operation.value is not None and set(_labels_in(operation.value)) == {Confidentiality.NORMAL}
    if operation.path == "/securityLabel":
        return bool(found.get("securityLabel"))
    index = operation.path.split("/")[2]
    place = int(index) if index.isdigit() else len(was)
    had_normal = place < len(was) and Confidentiality.NORMAL in was[place]
    if operation.op == "add" and said and any(Confidentiality.NORMAL in one for one in was):
        if set().union(*was) != {Confidentiality.NORMAL}:
            raise LabelAmbiguousError
    elif operation.op == "replace" and said and had_normal:
        _lift_the_one(found)
    elif operation.op == "remove" and had_normal:
        return any(Confidentiality.NORMAL in one for one in _labels_of(found))
    return keeps_normal


def _lift_the_one(found: Any) -> None:
    """Showing to representatives is for ever, and lifted by its own name only. Raises LabelAmbiguousError."""
    concepts = found["securityLabel"]
    hiding = set().union(*_labels_of(found)) & set(Visibility)
    lifted = hiding - {Visibility.INVISIBLE_TO_REPRESENTATIVES}
    if len(lifted) != 1 and hiding:
        raise LabelAmbiguousError
    found["securityLabel"] = [
        concept for concept, labels in zip(concepts, _labels_of(found), strict=True) if not labels & lifted
    ]


def _labels_of(found: Any) -> list[set[Label]]:
    """The labels of each concept. Raises ValueError where one has none that is known, or none at all."""
    concepts: list[Any] = found.get("securityLabel", [])
    labels = [{_known(label(one["code"], one.get("system"))) for one in concept["coding"]} for concept in concepts]
    if not all(labels):
        raise ValueError("a concept without a label")
    return labels


def _labels_in(value: Any) -> Iterator[Label]:
    """The labels of a concept, a coding, a code or a list of them. Raises ValueError of an unknown one."""
    match value:
        case list():
            for one in value:
                yield from _labels_in(one)
        case {"coding": list() as codings}:
            yield from _labels_in(codings)
        case {"code": str() as code}:
            yield _known(label(code, value.get("system")))
        case str():
            yield _known(label(value))
        case _:
            raise ValueError("no label")


def _known(one: Label | None) -> Label:
    if one is None or (isinstance(one, Confidentiality) and one != Confidentiality.NORMAL):
        raise ValueError("not a label that can be set")
    return one


def _sets_mask(operations: Sequence[Operation]) -> bool:
    set_ = [one for one in operations if one.op in ("add", "replace") and one.path.startswith("/securityLabel")]
    return any(Visibility.MASKED in _labels_in(one.value) for one in set_)


def _projection(head: Head) -> dict[str, Any]:
    extensions = [{"url": IS_ARCHIVED, "valueBoolean": True}] if head.archived else []
    return {
        "status": fhir_status(status_of(head.status, head.life, archived=head.archived)),
        "securityLabel": security_labels(sorted_labels(head.labels)),
        "extension": extensions,
    }


def _apply(found: Any, operation: Operation) -> None:
    by_url = _BY_URL.fullmatch(operation.path)
    if by_url is not None:
        _apply_by_url(found, operation, by_url[1])
        return
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


def _apply_by_url(found: Any, operation: Operation, url: str) -> None:
    """An extension that is not there is false."""
    extensions = found.setdefault("extension", [])
    value = next((one["valueBoolean"] for one in extensions if one["url"] == url), False)
    if operation.op == "test":
        if value != operation.value:
            raise ValueError(operation.path)
        return
    found["extension"] = [one for one in extensions if one["url"] != url]
    if operation.op != "remove":
        found["extension"].append({"url": url, "valueBoolean": operation.value})


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


def _read(found: dict[str, Any], status: str, *, masks: bool, keeps_normal: bool) -> Asked:
    """`status`: what it was; none but deleted can be asked for. Raises ValueError, KeyError."""
    labels = set().union(*_labels_of(found))
    flags: dict[str, bool] = {}
    for one in found.get("extension", []):
        url, value = one["url"], one["valueBoolean"]
        if url not in (IS_ARCHIVED, IS_DELETED) or not isinstance(value, bool) or flags.get(url, value) != value:
            raise ValueError("not an extension that can be set")
        flags[url] = value
    deleted = flags.get(IS_DELETED, False) or found["status"] == "entered-in-error"
    is_status = found["status"] == status or (deleted and found["status"] == "superseded")
    if not labels or not keeps_normal or not (is_status or found["status"] == "entered-in-error"):
        raise ValueError("this cannot become so")
    return Asked(frozenset(normalised(labels)), flags.get(IS_ARCHIVED, False), deleted, masks)
