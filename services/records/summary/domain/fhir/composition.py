"""The sections of the Composition: the words of each chapter, and references to the resources of its lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.records.clinical_facts.domain.resources.elements import Json, present
from services.records.kit.xml import tag, text
from services.records.summary.domain.coded_lines import PAST_PROBLEMS, coded_concept, part_problems
from services.records.summary.domain.fhir.lines import line_provenance, line_resource
from services.records.summary.domain.fhir.no_information import no_information
from services.records.summary.domain.html import line_markup
from services.records.summary.domain.sheet import Chapter, Language, SummarySheet
from services.records.summary.domain.sheet_in_words import ChapterWords, SheetWords
from shared.fhir.narrative import XHTML
from shared.terminology.oids import LOINC_SYSTEM

CODES: Final[dict[str, tuple[str, str]]] = {
    Chapter.BLOOD_GROUP: ("30954-2", "Relevant diagnostic tests/laboratory data Narrative"),
    Chapter.ALLERGIES: ("48765-2", "Allergies and adverse reactions Document"),
    Chapter.TREATMENTS: ("10160-0", "History of Medication use Narrative"),
    Chapter.PROBLEMS: ("11450-4", "Problem list - Reported"),
    PAST_PROBLEMS: ("11348-0", "History of Past illness Narrative"),
    Chapter.PROCEDURES: ("47519-4", "History of Procedures Document"),
    Chapter.IMPLANTS: ("46264-8", "History of medical device use"),
    Chapter.PREGNANCY: ("10162-6", "History of pregnancies Narrative"),
    Chapter.VACCINATIONS: ("11369-6", "History of Immunization Narrative"),
    Chapter.DIRECTIVES: ("42348-3", "Advance directives"),
}
"""LOINC codes of the sections, by key of their chapter. People to call and counts have sections without a code."""
_EMPTY: Final = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "unavailable"}]
}


@dataclass(frozen=True, slots=True)
class FhirSection:
    """A section, the resources to which it refers, and where these come from."""

    section: Json
    resources: tuple[Json, ...] = ()
    provenances: tuple[Json, ...] = ()


def fhir_sections(sheet: SummarySheet, words: SheetWords) -> Iterator[FhirSection]:
    """Yields the sections in the order of the sheet."""
    sentences = (*words.person, *words.written, *words.notices)
    paragraphs = "".join(tag("p", text(sentence)) for sentence in sentences)
    yield FhirSection(_section(words.title, paragraphs, words.language))
    for chapter in words.chapters:
        if chapter.key not in CODES:
            yield FhirSection(_section(chapter.title, _markup(chapter, words.language), words.language))
            continue
        current, past = part_problems(chapter, words.language)
        yield _chapter(sheet, current, words.language)
        if past is not None:
            yield _chapter(sheet, past, words.language)


def _chapter(sheet: SummarySheet, chapter: ChapterWords, language: Language) -> FhirSection:
    lines = [words.line for words in chapter.lines if words.line is not None]
    coded = [line for line in lines if coded_concept(line) is not None]
    resources = [line_resource(line, sheet) for line in coded]
    if not coded and chapter.key != PAST_PROBLEMS:
        nothing = no_information(Chapter(chapter.key), sheet.record_id)
        resources = [nothing] if nothing is not None else []
    code, display = CODES[chapter.key]
    section = {
        **_section(chapter.title, _markup(chapter, language), language),
        "code": {"coding": [{"system": LOINC_SYSTEM, "code": code, "display": display}]},
        "entry": [{"reference": f"urn:uuid:{resource['id']}"} for resource in resources],
        "emptyReason": None if resources else _EMPTY,
    }
    return FhirSection(present(section), tuple(resources), tuple(line_provenance(line, sheet) for line in coded))


def _section(title: str, markup: str, language: Language) -> Json:
    div = tag("div", markup, xmlns=XHTML, lang=language, **{"xml:lang": language})
    return {"title": title, "text": {"status": "additional", "div": div}}


def _markup(chapter: ChapterWords, language: Language) -> str:
    notices = [tag("p", tag("strong", text(notice))) for notice in chapter.notices]
    empty = [tag("p", text(chapter.empty))] if chapter.empty is not None else []
    lines = [tag("ul", *(tag("li", line_markup(line, language)) for line in chapter.lines))] if chapter.lines else []
    rejected = []
    if chapter.rejected_title is not None:
        rejected.append(tag("p", text(chapter.rejected_title)))
        rejected.append(tag("ul", *(tag("li", line_markup(line, language)) for line in chapter.rejected)))
    return "".join((*notices, *empty, *lines, *rejected))
