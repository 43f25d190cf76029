"""OpenAPI documents that clients are generated from: errors as they are sent, a description of every property."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from fastapi import FastAPI

from shared.http.described_errors import describe_errors

LICENCE: Final = {"name": "European Union Public Licence 1.2", "identifier": "EUPL-1.2"}
VERSION: Final = "1"
_FILE: Final = "openapi.toml"
Schema = dict[str, Any]


@dataclass(frozen=True)
class ApiTexts:
    """What an OpenAPI document says besides its routes; each service keeps it in its `openapi.toml`.

    `server`: the address of the API where `make up` runs it. `tags`: descriptions by tag. `words`: descriptions of
    properties and parameters by name, which mean the same in the whole service. `schemas`: those of one schema.
    """

    title: str
    summary: str
    server: str
    tags: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    schemas: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def meaning(self, schema: str, name: str) -> str | None:
        """Returns the description of a property or parameter, None if there is none."""
        return self.schemas.get(schema, {}).get(name, self.words.get(name))


def read_api_texts(package: str) -> ApiTexts:
    """Reads the `openapi.toml` of a service's package; words that all services share are added."""
    own = tomllib.loads((resources.files(package) / _FILE).read_text("utf-8"))
    common = tomllib.loads((resources.files("shared.http") / _FILE).read_text("utf-8"))
    return ApiTexts(**{**own, "words": common["words"] | own.get("words", {})})


class DescribedApi(FastAPI):
    """An app whose OpenAPI document states the media type and schema of every error, and what every property means."""

    def __init__(self, texts: ApiTexts, **options: Any) -> None:
        super().__init__(
            title=texts.title,
            summary=texts.summary,
            version=VERSION,
            license_info=LICENCE,
            servers=[{"url": texts.server, "description": "`make up` on one machine; elsewhere its own address"}],
            openapi_tags=[{"name": name, "description": text} for name, text in texts.tags.items()],
            **options,
        )
        self._texts = texts

    def openapi(self) -> dict[str, Any]:
        """Returns the document, which is built once."""
        if self.openapi_schema is None:
            document = super().openapi()
            describe_errors(document)
            _describe_words(document, self._texts)
        return super().openapi()


def _describe_words(document: Schema, texts: ApiTexts) -> None:
    for owner, name, described in words_in(document):
        meaning = texts.meaning(owner, name)
        if meaning is not None:
            described.setdefault("description", meaning)


def words_in(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Yields the schema (or the operation), the name and the described object of every property and parameter."""
    for owner, schema in document.get("components", {}).get("schemas", {}).items():
        yield from _properties(owner, schema)
    for methods in document["paths"].values():
        for operation in methods.values():
            owner = operation.get("operationId", "")
            for parameter in operation.get("parameters", []):
                yield owner, parameter["name"], parameter
            for part in (operation.get("requestBody", {}), *operation["responses"].values()):
                for media in part.get("content", {}).values():
                    yield from _properties(owner, media.get("schema", {}))


def _properties(owner: str, schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    for name, described in schema.get("properties", {}).items():
        yield owner, name, described
        yield from _properties(owner, described)
    for inner in (schema.get("items"), *schema.get("anyOf", []), *schema.get("oneOf", [])):
        if isinstance(inner, dict):
            yield from _properties(owner, inner)
