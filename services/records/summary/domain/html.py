"""The sheet as a page of its own: semantic HTML for a phone, a desk and paper, without script and links out."""

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final

from services.records.kit.xml import tag, text
from services.records.summary.domain.lines_in_words import LineWords
from services.records.summary.domain.sheet import Language, SummarySheet
from services.records.summary.domain.sheet_in_words import ChapterWords, SheetWords, sheet_in_words

_DOCUMENT_LANGUAGE: Final = "fr"
"""The language of words that come from documents."""


@cache
def _style() -> str:
    return (files("services.records.summary.domain") / "sheet.css").read_text("utf-8")


@cache
def content_security_policy() -> str:
    """Returns the policy of the page: its own style and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def write_html(sheet: SummarySheet, language: Language) -> bytes:
    """Returns the page in UTF-8."""
    words = sheet_in_words(sheet, language)
    head = tag(
        "head",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="robots" content="noindex">',
        tag("title", text(words.title)),
        tag("style", _style()),
    )
    body = tag("body", _header(words), tag("main", *(_chapter(chapter, language) for chapter in words.chapters)))
    return f"<!doctype html>\n{tag('html', head, body, lang=language)}\n".encode()


def line_markup(line: LineWords, language: Language) -> str:
    """Returns the content of a line with nothing but elements of basic formatting (FHIR R4, Narrative)."""
    is_foreign = language != _DOCUMENT_LANGUAGE and line.has_document_label
    label = tag("strong", text(line.label), **({"lang": _DOCUMENT_LANGUAGE} if is_foreign else {}))
    phone = tag("a", text(line.phone), href=f"tel:{line.dial}") if line.phone is not None else None
    state = tag("b", text(" · ".join(line.state))) if line.state else None
    rows = (
        (None, " – ".join([label, *map(text, line.salient), *([phone] if phone else [])])),
        ("warnings", " ".join(tag("em", text(f"⚠ {warning}")) for warning in line.warnings)),
        ("details", " · ".join(map(text, line.details))),
        ("trust", " · ".join([*([state] if state else []), *map(text, line.sources)])),
    )
    return "".join(tag("div", row, **({"class": name} if name else {})) for name, row in rows if row)


def _header(words: SheetWords) -> str:
    name, *traits = words.person
    person = tag(
        "p", tag("strong", text(name)), *(f" {tag('span', text(trait))}" for trait in traits), **{"class": "person"}
    )
    written = [tag("p", text(sentence), **{"class": "written"}) for sentence in words.written]
    notices = [tag("p", text(notice), **{"class": "notice"}) for notice in words.notices]
    return tag("header", tag("h1", text(words.title)), person, *written, *notices)


def _chapter(chapter: ChapterWords, language: Language) -> str:
    id = f"chapter-{chapter.key}"
    return tag("section", *_parts(chapter, id, language), **{"class": chapter.key, "aria-labelledby": id})


def _parts(chapter: ChapterWords, id: str, language: Language) -> Iterator[str]:
    yield tag("h2", text(chapter.title), id=id)
    yield from (tag("p", text(notice), **{"class": "notice"}) for notice in chapter.notices)
    if chapter.empty is not None:
        yield tag("p", text(chapter.empty), **{"class": "empty"})
    if chapter.lines:
        yield tag("ul", *(_item(line, language) for line in chapter.lines))
    if chapter.rejected_title is not None:
        folded = tag("ul", *(_item(line, language) for line in chapter.rejected))
        yield tag("details", tag("summary", text(chapter.rejected_title)), folded)


def _item(line: LineWords, language: Language) -> str:
    state = line.line.state if line.line is not None else "plain"
    return tag("li", line_markup(line, language), **{"class": state})
