"""A request with wrong fields is answered with sentences that name the field and what is right there."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx2
import pytest
import yaml
from fastapi import FastAPI, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.http.app import make_app
from shared.http.described import ApiTexts
from shared.http.field_errors import FORMS, SENTENCES, fields_message
from shared.http.outcomes import render

DOCS = Path(__file__).parents[3] / "docs"
SERVICES = ("identity", "records", "consent", "audit", "notify")
TYPED = "Fontanelle"


class Address(BaseModel):
    town: str = Field(min_length=3)


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: str | None = Field(default=None, pattern=r"^[0-9]{6}$")
    name: str = Field(default="x", min_length=1, max_length=5)
    born: date = date(1970, 1, 1)
    at: AwareDatetime | None = None
    id: UUID | None = None
    colour: Literal["red", "green"] = "red"
    number: int = Field(default=5, ge=1, le=9)
    tags: list[str] = Field(default=[], max_length=1)
    address: Address | None = None


def build() -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = make_app(ApiTexts("t", "t", "http://127.0.0.1"), lifespan=lifespan, body_limit=10_000, render=render)

    @app.post("/form")
    @app.post("/fhir/form")
    async def form(body: Form) -> None:
        """Takes the form."""

    @app.get("/since")
    async def since(at: Annotated[datetime, Query()]) -> None:
        """Takes a time."""

    return app


async def ask(method: str, path: str, language: str = "en", **request: Any) -> httpx2.Response:
    transport = httpx2.ASGITransport(build())
    headers = {"accept-language": language, "content-type": "application/json"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, headers=headers, **request)


@pytest.mark.parametrize(
    ("body", "english", "french"),
    [
        ({"code": TYPED}, "body.code must be a code of six digits", "body.code doit être un code de six chiffres"),
        ({"name": ""}, "body.name must not be empty", "body.name ne doit pas être vide"),
        ({"name": TYPED}, "body.name must have at most 5 characters", "body.name doit compter au plus 5 caractères"),
        (
            {"born": TYPED},
            "body.born must be a day such as 2026-03-12",
            "body.born doit être un jour tel que 2026-03-12",
        ),
        (
            {"at": "2026-03-12T09:30:00"},
            "body.at must be a date and time with its zone, such as 2026-03-12T09:30:00Z",
            "body.at doit être une date et une heure avec leur fuseau, telles que 2026-03-12T09:30:00Z",
        ),
        ({"id": TYPED}, "body.id must be a UUID", "body.id doit être un UUID"),
        (
            {"colour": TYPED},
            "body.colour must be one of 'red' or 'green'",
            "body.colour doit être l’une des valeurs 'red' ou 'green'",
        ),
        ({"number": 10}, "body.number must be at most 9", "body.number doit être au plus 9"),
        ({"number": TYPED}, "body.number must be a whole number", "body.number doit être un nombre entier"),
        (
            {"tags": ["a", "b"]},
            "body.tags has too many entries; the maximum is 1",
            "body.tags compte trop d’entrées ; le maximum est 1",
        ),
        ({"address": {}}, "body.address.town is missing", "body.address.town manque"),
        (
            {"other": TYPED},
            "body.other is not known here; leave it out",
            "body.other n’est pas connu ici ; retirez-le",
        ),
        ({f"{TYPED} née en": 1}, "body.… is not known here; leave it out", "body.… n’est pas connu ici ; retirez-le"),
    ],
)
async def test_a_wrong_field_is_named_with_what_is_right_and_without_its_value(
    body: dict[str, Any], english: str, french: str
) -> None:
    for path in ("/form", "/fhir/form"):
        for language, sentence in (("en", english), ("fr-FR, en;q=0.5", french)):
            answer = await ask("POST", path, language, json=body)
            assert answer.status_code == 422
            shown = answer.json() if path == "/form" else answer.json()["issue"][0]
            text = shown["detail" if path == "/form" else "diagnostics"]
            begin = "To correct in the request: " if language == "en" else "À corriger dans la demande : "
            assert text == f"{begin}{sentence}."
            assert TYPED not in answer.text
            assert answer.headers["content-language"] == language[:2]
            assert answer.headers["vary"] == "accept-language"


async def test_a_body_that_is_no_json_and_a_plus_that_is_not_encoded_get_a_sentence() -> None:
    broken = await ask("POST", "/form", "fr", content=b'{"a"')
    plus = await ask("GET", "/since?at=2026-03-12T09:30:00+01:00", "fr")
    assert broken.json()["detail"] == "À corriger dans la demande : body n’est pas du JSON valable."
    assert plus.json()["detail"].endswith("envoyez %2B, ou l’heure en UTC avec Z.")


def test_both_languages_state_the_same_limits_and_end_without_a_stop() -> None:
    for english, french in (*SENTENCES.values(), *FORMS.values()):
        names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, french)]
        assert names[0] == names[1]
        assert not english.endswith(".")
        assert not french.endswith(".")


def test_every_pattern_of_the_apis_is_put_in_words() -> None:
    six = r"[\s.-]*(?:[0-9][\s.-]*){6}"
    cleaned = {f"^{six}$", rf"^{six}(?:(?:[0-9][\s.-]*){{2}})?$"}  # as published; the field is matched without blanks
    for service in SERVICES:
        text = (DOCS / f"openapi-{service}.yaml").read_text("utf-8")
        patterns = set(_patterns(yaml.safe_load(text)))
        assert patterns - cleaned <= FORMS.keys(), service


def _patterns(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["pattern"]] if isinstance(node.get("pattern"), str) else []
        return own + [pattern for value in node.values() for pattern in _patterns(value)]
    return [pattern for value in node for pattern in _patterns(value)] if isinstance(node, list) else []


def test_an_error_that_has_no_sentence_of_its_own_is_in_words_too() -> None:
    message = fields_message([{"type": "value_error", "loc": ("body", "x"), "input": TYPED}], french=False)
    assert message == "To correct in the request: body.x is not valid."
    assert not re.search("_", message)
