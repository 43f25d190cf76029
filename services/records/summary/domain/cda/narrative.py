"""The narrative of a section: the words of the sheet, then the codes of each line."""

from collections.abc import Mapping
from uuid import UUID

from services.records.clinical_facts.domain.values import Coding
from services.records.kit.xml import tag, text
from services.records.summary.domain.cda.coded import Anchors
from services.records.summary.domain.lines_in_words import LineWords
from services.records.summary.domain.sheet_in_words import ChapterWords
from shared.terminology.clinical import code_systems


def chapter_text(chapter: ChapterWords, anchors: Mapping[UUID, Anchors], extra: str = "") -> str:
    """Returns the `text` of a section. `anchors`: of the lines with an entry; `extra`: what else it shows."""
    notices = [tag("paragraph", tag("content", text(notice), styleCode="Bold")) for notice in chapter.notices]
    empty = tag("paragraph", text(chapter.empty), ID=f"none-{chapter.key}") if chapter.empty is not None else ""
    lines = _list(chapter.lines, anchors) if chapter.lines else ""
    title = tag("paragraph", text(chapter.rejected_title)) if chapter.rejected_title is not None else ""
    rejected = _list(chapter.rejected, {}) if chapter.rejected else ""
    return tag("text", *notices, empty, lines, title, rejected, extra)


def paragraphs(*sentences: str) -> str:
    """Returns the `text` of a section of sentences."""
    return tag("text", *(tag("paragraph", text(sentence)) for sentence in sentences))


def _list(lines: tuple[LineWords, ...], anchors: Mapping[UUID, Anchors]) -> str:
    return tag("list", *(_item(line, anchors) for line in lines))


def _item(line: LineWords, anchors: Mapping[UUID, Anchors]) -> str:
    phone = (line.phone,) if line.phone is not None else ()
    first = " – ".join(text(part) for part in (*line.salient, *phone))
    rows = [
        " – ".join(part for part in (tag("content", text(line.label), styleCode="Bold"), first) if part),
        *(tag("content", text(warning), styleCode="Italics") for warning in line.warnings),
        " · ".join(text(detail) for detail in line.details),
        " · ".join(text(part) for part in (*line.state, *line.sources)),
    ]
    own = anchors.get(line.line.id) if line.line is not None else None
    rows += [_codes(own)] if own is not None else []
    return tag("item", "<br/>".join(row for row in rows if row))


def _codes(anchors: Anchors) -> str:
    shown = [
        tag("content", text(words), ID=anchor) + "".join(f" ({text(_code(coding))})" for coding in codings)
        for anchor, words, codings in anchors.shown
    ]
    return " ; ".join(shown)


def _code(coding: Coding) -> str:
    system = code_systems().get(coding.system or "")
    return f"{system.name} {coding.code}" if system is not None else coding.code
