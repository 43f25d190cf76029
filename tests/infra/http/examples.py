"""Builds requests from the OpenAPI of an operation: one likely to be accepted, and others with one value changed."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.infra.http.apis import Operation

_BY_NAME: dict[str, Any] = {
    "professional_id": "899900000101",
    "structure_id": "1990000105",
    "organisation_id": "1990000105",
    "holder_id": "899900000101",
    "informed_on": "2026-11-01",
    "week": "2026-W48",
    "section": "mesures",
    "version": 1,
    "from": "2026-11-02T00:00:00Z",
    "until": "2027-01-01T00:00:00Z",
    "to": "2026-11-30T00:00:00Z",
    "since": "2026-11-01T00:00:00Z",
    "birth_date": "1955-06-12",
    "content": "JVBERi0xLjQK",
    "content_type": "application/pdf",
}


@dataclass
class ExampleRequest:
    """A request. `values` holds each part by its place and name; those of the body by their path in it."""

    operation: Operation
    record_id: str
    path: dict[str, Any]
    query: dict[str, Any]
    body: Any

    def places(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Where a value may be changed."""
        yield from (("path", (name,)) for name in self.path)
        yield from (("query", (name,)) for name in self.query)
        yield from (("body", path) for path in _leaves(self.body) if path)

    def value_at(self, place: tuple[str, tuple[Any, ...]]) -> Any:
        """What stands there."""
        kind, names = place
        value = getattr(self, kind)
        for name in names:
            value = value[name]
        return value

    def with_value(self, place: tuple[str, tuple[Any, ...]], value: Any) -> "ExampleRequest":
        """The same with another value there."""
        changed = copy.deepcopy(self)
        kind, names = place
        target = getattr(changed, kind)
        for name in names[:-1]:
            target = target[name]
        target[names[-1]] = value
        return changed


def example_request(operation: Operation, record_id: str) -> ExampleRequest:
    """What the schemas, their examples and a few names suggest."""
    path = {
        parameter["name"]: _value(parameter["name"], parameter, operation, record_id)
        for parameter in operation.parameters("path")
    }
    query = {
        parameter["name"]: _value(parameter["name"], parameter, operation, record_id)
        for parameter in operation.parameters("query")
    }
    body = operation.body()
    made = None if body is None or not body[1] else _example("", body[1], operation, record_id)
    return ExampleRequest(operation, record_id, path, query, made)


def _value(name: str, parameter: dict[str, Any], operation: Operation, record_id: str) -> Any:
    examples = parameter.get("examples") or parameter.get("example")
    if name not in _BY_NAME and isinstance(examples, list) and examples:
        return examples[0]
    return _example(name, parameter["schema"], operation, record_id)


def resolved(schema: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """Returns the schema behind its reference, and of several alternatives the first that is not null."""
    while True:
        if "$ref" in schema:
            schema = operation.components[schema["$ref"].rpartition("/")[2]]
        elif alternatives := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            schema = next(alternative for alternative in alternatives if alternative.get("type") != "null")
        else:
            return schema


def _example(name: str, described: dict[str, Any], operation: Operation, record_id: str) -> Any:
    schema = resolved(described, operation)
    if name in _BY_NAME:
        return _BY_NAME[name]
    for candidate in (described, schema):
        if candidate.get("examples"):
            return candidate["examples"][0]
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {}).items()
            return {key: _example(key, inner, operation, record_id) for key, inner in properties}
        case "array":
            return [_example("", schema.get("items", {}), operation, record_id)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return record_id if schema.get("format") == "uuid" else _text(schema)


def _text(schema: dict[str, Any]) -> str:
    by_format: dict[str, str] = {"date": "2026-11-01", "date-time": "2026-11-01T00:00:00Z"}
    return by_format.get(schema.get("format", "")) or "x" * max(1, schema.get("minLength", 1))


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield from _leaves(inner, (*path, name))
        case list():
            for number, inner in enumerate(value):
                yield from _leaves(inner, (*path, number))
        case _:
            yield path
