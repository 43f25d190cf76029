"""The custom resource definitions of the operators: from pinned Go modules, and as closed JSON schemas."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.cluster.programs import CLUSTER_FOLDER, ProgramsError, go, made_once, run

PINS: Final = CLUSTER_FOLDER / "definitions.json"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_OPEN: Final = "x-kubernetes-preserve-unknown-fields"


@dataclass(frozen=True)
class Source:
    """A Go module that carries definitions. `sum`: the hash of its content, as in go.sum."""

    module: str
    version: str
    sum: str
    files: tuple[str, ...]


def sources() -> Iterator[Source]:
    """Yields the pinned modules."""
    for pin in json.loads(PINS.read_text("utf-8")):
        yield Source(pin["module"], pin["version"], pin["sum"], tuple(pin["files"]))


def definition_files() -> list[Path]:
    """Returns the files with the definitions of all modules, downloading what is missing. Raises ProgramsError."""
    return [path for source in sources() for path in _files_of(source)]


def schemas() -> Path:
    """Returns the folder with the closed schemas of all pinned definitions. Raises ProgramsError."""
    return made_once(PINS, lambda folder: write_schemas(definitions_in(definition_files()), folder))


def definitions_in(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Yields the custom resource definitions that files hold."""
    for path in paths:
        for document in yaml.load_all(path.read_text("utf-8"), Loader=_Loader):
            if document and document.get("kind") == "CustomResourceDefinition":
                yield document


def write_schemas(definitions: Iterable[dict[str, Any]], folder: Path) -> None:
    """Writes each version of each kind as a JSON schema, `<group>_<kind>_<version>.json`.

    The schemas are closed: a field that the definition does not name is an error, as it would be lost on the cluster.
    """
    for definition in definitions:
        spec = definition["spec"]
        for version in spec["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            text = {"type": "string"}
            schema["properties"] |= {"metadata": {"type": "object"}, "apiVersion": text, "kind": text}
            name = f"{spec['group']}_{spec['names']['kind'].lower()}_{version['name']}.json"
            (folder / name).write_text(json.dumps(schema), "utf-8")


def closed(schema: Any) -> Any:
    """Returns a schema of OpenAPI as a JSON schema without room for fields that it does not name."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    if made.get(_INT_OR_STRING) is True:
        del made[_INT_OR_STRING]
        made.pop("type", None)
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    is_object = made.get("type") == "object" and isinstance(made.get("properties"), dict)
    if is_object and "additionalProperties" not in made and not made.get(_OPEN):
        made["additionalProperties"] = False
    return made


def _files_of(source: Source) -> list[Path]:
    described = json.loads(run([go(), "mod", "download", "-json", f"{source.module}@{source.version}"]))
    if described["Sum"] != source.sum:
        raise ProgramsError(f"{source.module} {source.version} is not the content that definitions.json pins")
    folder = Path(described["Dir"])
    files = sorted(path for pattern in source.files for path in folder.glob(pattern))
    if not files:
        raise ProgramsError(f"{source.module} {source.version} has no {', '.join(source.files)}")
    return files


class _Loader(yaml.CSafeLoader):
    """Reads a lone `=` as text, as YAML 1.2 does: definitions list it among operators."""


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:value", _text)
