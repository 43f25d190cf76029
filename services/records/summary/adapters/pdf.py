"""Writes the sheet as a tagged PDF (PDF/UA-1, ISO 14289-1): one page, and another one for what does not fit (typst).

Equal sheets give equal bytes: the time of the file is that of the sheet. The fonts are those that typst brings.
"""

from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

from services.records.summary.domain.lines_in_words import LineWords
from services.records.summary.domain.sheet import Language, SummarySheet
from services.records.summary.domain.sheet_in_words import ChapterWords, SheetWords, sheet_in_words

_ROOM: Final = "services.records.summary.adapters"
_LONG: Final = 1_200
"""Characters of a line that may be parted by the end of a page; shorter ones stay whole."""


@cache
def _template() -> bytes:
    return (files(_ROOM) / "sheet.typ").read_bytes()


def write_pdf(sheet: SummarySheet, language: Language) -> bytes:
    """Returns the pages."""
    import typst

    shown = orjson.dumps(_shown(sheet_in_words(sheet, language))).decode()
    written: bytes = typst.compile(
        _template(),
        sys_inputs={"shown": shown},
        pdf_standards=["ua-1"],
        ignore_system_fonts=True,
        timestamp=sheet.written_at.replace(microsecond=0),
    )
    return written


def _shown(words: SheetWords) -> dict[str, Any]:
    return {
        "language": words.language,
        "title": words.title,
        "running": " · ".join((words.title, *words.person, words.written[0])),
        "person": words.person,
        "written": words.written,
        "notices": words.notices,
        "chapters": {chapter.key: _chapter(chapter) for chapter in words.chapters},
    }


def _chapter(chapter: ChapterWords) -> dict[str, Any]:
    return {
        "title": chapter.title,
        "notices": chapter.notices,
        "empty": chapter.empty,
        "lines": [_line(line) for line in chapter.lines],
        "rejected": [_line(line) for line in chapter.rejected],
        "rejected_title": chapter.rejected_title,
    }


def _line(line: LineWords) -> dict[str, Any]:
    return {
        "label": line.label,
        "is_long": sum(map(len, line.all)) > _LONG,
        "is_plain": line.line is None and line.phone is None,
        "of_document": line.has_document_label,
        "salient": line.salient,
        "phone": [line.phone] if line.phone is not None else [],
        "warnings": line.warnings,
        "details": line.details,
        "state": line.state,
        "sources": line.sources,
        "is_confirmed": line.line is not None and line.line.state == "confirmed",
    }
