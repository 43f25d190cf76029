"""The pages that open a copy, in French and in English: its documents by rubric, newest first, with links to the files.

They need no network, no script and no other file: the style stands in the page, and its content security policy allows
nothing else, so that a text in a document's metadata can do nothing. WCAG 2.2 AA: language of page and parts, headings,
tables with headers, a link to skip, contrasts above 7 to 1.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Final

from babel.dates import format_date

from services.records.exports.adapters.index_texts import IndexTexts
from services.records.exports.domain.documents import ExportedDocument
from shared.moments import FRANCE
from shared.terminology.documents import document_types
from shared.terminology.rubrics import Rubric, rubric_of, rubrics

_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;color:#161616;background:#fff;max-width:80rem;margin:0 auto;padding:1rem}"
    "a{color:#00389e}a:focus{outline:3px solid #0a76f6;outline-offset:2px}table{border-collapse:collapse;width:100%}"
    "caption{position:absolute;left:-999rem}th,td{padding:.4rem .6rem;border-bottom:1px solid #929292;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}.skip{position:absolute;left:-999rem}.skip:focus{position:static}"
)
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Controls, also those of the direction of writing: a title must not rearrange the line that it stands in."""


def index_page(texts: IndexTexts, documents: Iterable[ExportedDocument], made_at: datetime) -> bytes:
    """Returns the page in one language, in UTF-8: the same bytes for the same documents and moment."""
    ordered = sorted(documents, key=_order)
    by_rubric = {
        code: list(group) for code, group in groupby(ordered, key=lambda document: rubric_of(document.section))
    }
    shown = [(rubric, by_rubric[rubric.code]) for rubric in rubrics() if rubric.code in by_rubric]
    return "\n".join([*_head(texts, len(ordered), made_at), *_body(texts, shown), "</body>", "</html>", ""]).encode()


def _order(document: ExportedDocument) -> tuple[int, int, int]:
    """Sorts by rubric, then newest day of care, then newest document."""
    places = {rubric.code: place for place, rubric in enumerate(rubrics())}
    day = date.fromisoformat(document.care_on)
    return places[rubric_of(document.section)], -day.toordinal(), -document.id.int


def _head(texts: IndexTexts, count: int, made_at: datetime) -> Iterator[str]:
    day = format_date(made_at.astimezone(FRANCE), "long", locale=texts.language)
    counted = texts.nothing if not count else texts.counted_one if count == 1 else texts.counted.format(count=count)
    yield "<!DOCTYPE html>"
    yield f'<html lang="{texts.language}">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{_text(texts.title)}</title>"
    yield f"<style>{_STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield f'<a class="skip" href="#documents">{_text(texts.skip)}</a>'
    yield "<header>"
    yield f"<h1>{_text(texts.title)}</h1>"
    other = "en" if texts.language == "fr" else "fr"
    yield f'<p><a href="{texts.other_page}" lang="{other}" hreflang="{other}">{_text(texts.other_language)}</a></p>'
    yield f"<p>{_text(texts.made.format(day=day))} {_text(counted)}</p>"
    yield from (f"<p>{_text(sentence)}</p>" for sentence in texts.about)
    yield "</header>"


def _body(texts: IndexTexts, shown: Sequence[tuple[Rubric, list[ExportedDocument]]]) -> Iterator[str]:
    if shown:
        yield f'<nav aria-label="{_text(texts.rubrics)}">'
        yield "<ul>"
        for rubric, documents in shown:
            yield f'<li><a href="#{rubric.code}">{_text(_label(texts, rubric))} ({len(documents)})</a></li>'
        yield "</ul>"
        yield "</nav>"
    yield '<main id="documents">'
    for rubric, documents in shown:
        yield from _section(texts, rubric, documents)
    yield "</main>"


def _section(texts: IndexTexts, rubric: Rubric, documents: Sequence[ExportedDocument]) -> Iterator[str]:
    label = _text(_label(texts, rubric))
    yield f'<section id="{rubric.code}" aria-labelledby="{rubric.code}-title">'
    yield f'<h2 id="{rubric.code}-title">{label}</h2>'
    yield "<table>"
    yield f"<caption>{label}</caption>"
    headings = "".join(f'<th scope="col">{_text(heading)}</th>' for heading in texts.headings)
    yield f"<thead><tr>{headings}</tr></thead>"
    yield "<tbody>"
    yield from (_row(texts, document) for document in documents)
    yield "</tbody>"
    yield "</table>"
    yield "</section>"


def _row(texts: IndexTexts, document: ExportedDocument) -> str:
    day = format_date(date.fromisoformat(document.care_on), "long", locale=texts.language)
    state = {"superseded": texts.superseded, "archived": texts.archived}.get(document.status)
    kind = document_types().get(document.type)
    format_ = document.name.rpartition(".")[2].upper()
    size = max(1, round(document.size / 1000))
    return (
        f'<tr><td><time datetime="{document.care_on}">{_text(day)}</time></td>'
        f'<th scope="row"><a href="{document.name}"><bdi lang="fr">{_text(document.title)}</bdi></a>'
        f"{f' ({_text(state)})' if state else ''}</th>"
        f'<td lang="fr">{_text(document.type if kind is None else kind.label)}</td>'
        f'<td><bdi lang="fr">{_text(" ; ".join(document.authors))}</bdi></td>'
        f"<td>{format_}, {size} {texts.kilobytes}</td></tr>"
    )


def _label(texts: IndexTexts, rubric: Rubric) -> str:
    return rubric.label_fr if texts.language == "fr" else rubric.label_en


def _text(text: str) -> str:
    return html.escape(_CONTROLS.sub(" ", text))
