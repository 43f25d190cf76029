"""Applies a JSON Patch (RFC 6902) to a DocumentReference: the state in which the document should be.

PDSm `st_maj`: only status, securityLabel and the extensions isArchived and isDeleted may be patched. The DMP's guide
(TD3.3a to d) replaces N by a label, and the label by N: N that replaces N lifts the one label that hides the document.
A patch that would have no effect, or another one than it states, is refused.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.records.documents.domain.label_changes import TargetState, sorted_labels
from services.records.documents.domain.search import fhir_status
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import lifecycle_status
from shared.errors import ClientError, InvalidError
from shared.fhir.write import IS_ARCHIVED, security_labels
from shared.terminology.visibility import Confidentiality, Label, Visibility, label, normalised

IS_DELETED: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-deleted"
MOST_OPERATIONS = 20
PATCHABLE = ("status", "securityLabel", "extension")
_LABEL_PATH = re.compile(r"/securityLabel(?:/(?:\d+|-)(?:/coding(?:/(?:\d+|-)(?:/code)?)?)?)?", re.ASCII)
_BY_URL = re.compile(r"/extension\[url:'([^']{1,200})'\]/valueBoolean")
"""The guide's way to name an extension (TD3.3d), which is not JSON Pointer."""


class PatchInvalidError(InvalidError):
    """Send a JSON Patch (RFC 6902): operations add, remove, replace or test on /status, /securityLabel or /extension.
    securityLabel takes N and the visibility codes, status takes current or entered-in-error (deleted for ever), the
    extensions isArchived and isDeleted take a valueBoolean. An operation without its stated effect is refused."""

    code = "patch-invalid"
    french = "Cette modification n’est pas comprise : seuls la visibilité, l’archivage et la suppression changent."


class LabelAmbiguousError(InvalidError):
    """N does not state which of the document's labels is lifted, or would show it to representatives for ever. Remove
    the label itself: the operation remove with its index, or replace /securityLabel by the labels that stay."""

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
    """Parses and checks the operations. Raises PatchInvalidError, ElementFixedError."""
    try:
        operations = _PATCH.validate_json(body)
    except ValidationError as error:
        raise PatchInvalidError from error
    if not 0 < len(operations) <= MOST_OPERATIONS:
        raise PatchInvalidError
    for operation in operations:
        segments = operation.path.split("/")[1:2]
        if not operation.path.startswith("/") or ("[" in operation.path and not _BY_URL.fullmatch(operation.path)):
            raise PatchInvalidError
        if segments[0].partition("[")[0] not in PATCHABLE:
            raise ElementFixedError
        if segments[0] == "securityLabel" and operation.op != "test" and not _LABEL_PATH.fullmatch(operation.path):
            raise PatchInvalidError
    return operations


def patched_state(summary: DocumentSummary, operations: Sequence[Operation]) -> TargetState:
    """Returns the state of the document after the patch. Raises PatchInvalidError, LabelAmbiguousError."""
    before = orjson.loads(orjson.dumps(_patchable_elements(summary)))
    patched = orjson.loads(orjson.dumps(before))
    keeps_normal = True
    try:
        for operation in operations:
            if not operation.path.startswith("/securityLabel") or operation.op == "test":
                _apply(patched, operation)
                continue
            labels_before = _labels_of(patched)
            _apply(patched, operation)
            keeps_normal = _keeps_normal(patched, operation, labels_before, keeps_normal)
        state = _state_of(patched, before["status"], sets_status=_sets_status(operations), keeps_normal=keeps_normal)
        return replace(state, sets_mask=_sets_mask(operations))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise PatchInvalidError from error


def _keeps_normal(patched: Any, operation: Operation, labels_before: list[set[Label]], keeps_normal: bool) -> bool:
    """Returns whether the labels still include N, or another label replaces N as in the guide.

    N that replaces N lifts the one label that hides the document. Raises LabelAmbiguousError, ValueError.
    """
    sets_normal = operation.value is not None and set(_labels_in(operation.value)) == {Confidentiality.NORMAL}
    if operation.path == "/securityLabel":
        return bool(patched.get("securityLabel"))
    index = operation.path.split("/")[2]
    place = int(index) if index.isdigit() else len(labels_before)
    had_normal = place < len(labels_before) and Confidentiality.NORMAL in labels_before[place]
    if operation.op == "add" and sets_normal and any(Confidentiality.NORMAL in labels for labels in labels_before):
        if set().union(*labels_before) != {Confidentiality.NORMAL}:
            raise LabelAmbiguousError
    elif operation.op == "replace" and sets_normal and had_normal:
        _lift_hiding_label(patched)
    elif operation.op == "remove" and had_normal:
        return any(Confidentiality.NORMAL in labels for labels in _labels_of(patched))
    return keeps_normal


def _lift_hiding_label(patched: Any) -> None:
    """Removes the one label that hides the document. Raises LabelAmbiguousError.

    INVISIBLE_TO_REPRESENTATIVES is lifted by its own name only, because showing to representatives is final.
    """
    concepts = patched["securityLabel"]
    hiding_labels = set().union(*_labels_of(patched)) & set(Visibility)
    lifted = hiding_labels - {Visibility.INVISIBLE_TO_REPRESENTATIVES}
    if len(lifted) != 1 and hiding_labels:
        raise LabelAmbiguousError
    patched["securityLabel"] = [
        concept for concept, labels in zip(concepts, _labels_of(patched), strict=True) if not labels & lifted
    ]


def _labels_of(resource: Any) -> list[set[Label]]:
    """Returns the labels of each concept. Raises ValueError where a concept has no label, or one that cannot be set."""
    concepts: list[Any] = resource.get("securityLabel", [])
    labels = [
        {_settable_label(label(coding["code"], coding.get("system"))) for coding in concept["coding"]}
        for concept in concepts
    ]
    if not all(labels):
        raise ValueError("a concept without a label")
    return labels


def _labels_in(value: Any) -> Iterator[Label]:
    """Yields the labels of a concept, a coding, a code or a list of these. Raises ValueError of an unknown label."""
    match value:
        case list():
            for element in value:
                yield from _labels_in(element)
        case {"coding": list() as codings}:
            yield from _labels_in(codings)
        case {"code": str() as code}:
            yield _settable_label(label(code, value.get("system")))
        case str():
            yield _settable_label(label(value))
        case _:
            raise ValueError("no label")


def _settable_label(parsed: Label | None) -> Label:
    if parsed is None or (isinstance(parsed, Confidentiality) and parsed != Confidentiality.NORMAL):
        raise ValueError("not a label that can be set")
    return parsed


def _sets_status(operations: Sequence[Operation]) -> bool:
    return any(operation.path == "/status" and operation.op != "test" for operation in operations)


def _sets_mask(operations: Sequence[Operation]) -> bool:
    setting = [
        operation
        for operation in operations
        if operation.op in ("add", "replace") and operation.path.startswith("/securityLabel")
    ]
    return any(Visibility.MASKED in _labels_in(operation.value) for operation in setting)


def _patchable_elements(summary: DocumentSummary) -> dict[str, Any]:
    extensions = [{"url": IS_ARCHIVED, "valueBoolean": True}] if summary.archived else []
    return {
        "status": fhir_status(lifecycle_status(summary.status, summary.life, archived=summary.archived)),
        "securityLabel": security_labels(sorted_labels(summary.labels)),
        "extension": extensions,
    }


def _apply(target: Any, operation: Operation) -> None:
    by_url = _BY_URL.fullmatch(operation.path)
    if by_url is not None:
        _apply_by_url(target, operation, by_url[1])
        return
    steps = [step.replace("~1", "/").replace("~0", "~") for step in operation.path.split("/")[1:]]
    for step in steps[:-1]:
        target = target[_key_or_index(target, step)]
    last, value = steps[-1], operation.value
    if isinstance(target, list) and operation.op == "add":
        target.insert(len(target) if last == "-" else _key_or_index(target, last, beyond=1), value)
        return
    place = last if operation.op == "add" else _key_or_index(target, last)
    match operation.op:
        case "add" | "replace":
            target[place] = value
        case "remove":
            del target[place]
        case "test":
            if target[place] != value:
                raise ValueError(operation.path)


def _apply_by_url(resource: Any, operation: Operation, url: str) -> None:
    """Applies an operation that names an extension by its URL; a missing extension has the value false."""
    extensions = resource.setdefault("extension", [])
    value = next((extension["valueBoolean"] for extension in extensions if extension["url"] == url), False)
    if operation.op == "test":
        if value != operation.value:
            raise ValueError(operation.path)
        return
    resource["extension"] = [extension for extension in extensions if extension["url"] != url]
    if operation.op != "remove":
        resource["extension"].append({"url": url, "valueBoolean": operation.value})


def _key_or_index(container: Any, step: str, *, beyond: int = 0) -> Any:
    """Returns the existing key or the index that a step of the path names. Raises KeyError, IndexError, ValueError."""
    if isinstance(container, dict):
        container[step]
        return step
    if not (step.isascii() and step.isdigit() and (step == "0" or step[0] != "0")):
        raise ValueError(step)
    if int(step) >= len(container) + beyond:
        raise IndexError(step)
    return int(step)


def _state_of(resource: dict[str, Any], status: str, *, sets_status: bool, keeps_normal: bool) -> TargetState:
    """Returns the state that the patched resource describes. Raises ValueError, KeyError.

    `status`: the status before the patch; a patch can change it to deleted only. A refused document has the status of
    a deleted one, and a patch of its labels does not ask for its deletion.
    """
    labels = set().union(*_labels_of(resource))
    flags: dict[str, bool] = {}
    for extension in resource.get("extension", []):
        url, value = extension["url"], extension["valueBoolean"]
        if url not in (IS_ARCHIVED, IS_DELETED) or not isinstance(value, bool) or flags.get(url, value) != value:
            raise ValueError("not an extension that can be set")
        flags[url] = value
    deleted = flags.get(IS_DELETED, False) or (resource["status"] == "entered-in-error" and sets_status)
    is_status = resource["status"] == status or (deleted and resource["status"] == "superseded")
    if not labels or not keeps_normal or not (is_status or resource["status"] == "entered-in-error"):
        raise ValueError("this cannot become so")
    return TargetState(frozenset(normalised(labels)), flags.get(IS_ARCHIVED, False), deleted)
