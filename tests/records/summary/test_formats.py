"""All formats of a sheet say the same: each is read back and compared with the words of the sheet, and its codes."""

import io
import json
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pypdf
import pytest

from services.records.clinical_facts.domain.extraction import extract
from services.records.summary.adapters.pdf import write_pdf
from services.records.summary.domain.cda.document import write_cda
from services.records.summary.domain.cda.sections import entry_concept
from services.records.summary.domain.citations import citation_of
from services.records.summary.domain.coded_lines import coded_concept, part_problems
from services.records.summary.domain.fhir.bundle import write_fhir
from services.records.summary.domain.html import write_html
from services.records.summary.domain.sheet import Chapter, Language, SummarySheet
from services.records.summary.domain.sheet_in_words import SheetWords, sheet_in_words
from shared.terminology.clinical import code_systems
from tests.infra.records.summary_sheets import DOCTOR, a_full_sheet, a_sheet, a_stated_sheet, a_usual_sheet

SHEETS = {
    "empty": a_sheet(),
    "anonymous": a_sheet(patient=None),
    "patient-side": a_usual_sheet(audience="patient-side"),
    "usual": a_usual_sheet(),
    "full": a_full_sheet(),
    "stated": a_stated_sheet(),
    "signed": a_full_sheet(signer=DOCTOR),
}
SEPARATORS = re.compile(r"[\s–·⚠!]+")
CODE_MEMBERS = ("code", "medicationCodeableConcept", "vaccineCode", "type")


def squeezed(text: str) -> str:
    """Returns a text without blanks and the signs with which formats part their texts."""
    return SEPARATORS.sub("", text)


def whole(texts: Iterable[str]) -> str:
    return squeezed("".join(texts))


class BodyText(HTMLParser):
    """The text of a page's body."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(content[content.index("<body>") :])

    def handle_data(self, data: str) -> None:
        self.text += data


def text_of_html(sheet: SummarySheet, language: Language) -> str:
    return BodyText(write_html(sheet, language).decode()).text


def text_of_pdf(sheet: SummarySheet, language: Language) -> str:
    """The pages without what their margins repeat."""
    words = sheet_in_words(sheet, language)
    pages = pypdf.PdfReader(io.BytesIO(write_pdf(sheet, language))).pages
    running = squeezed("".join((words.title, *words.person, words.written[0])))
    texts = []
    for number, page in enumerate(pages, 1):
        text = squeezed(page.extract_text()).removesuffix(f"{number}/{len(pages)}")
        texts.append(text.removeprefix(running) if number > 1 else text)
    return "".join(texts)


def text_of_fhir(sheet: SummarySheet, language: Language) -> str:
    composition = json.loads(write_fhir(sheet, language))["entry"][0]["resource"]
    texts = []
    for section in composition["section"]:
        div = ElementTree.fromstring(section["text"]["div"])
        texts += [section["title"], *div.itertext()]
    return "".join(texts)


def text_of_cda(sheet: SummarySheet) -> str:
    namespace = "{urn:hl7-org:v3}"
    texts = []
    for section in ElementTree.fromstring(write_cda(sheet)).iter(f"{namespace}section"):
        texts.append(section.findtext(f"{namespace}title") or "")
        texts += [text for part in section.iterfind(f"{namespace}text") for text in part.itertext()]
    return "".join(texts)


def texts_with_past_problems(words: SheetWords) -> list[str]:
    """The texts where problems that are over have a section of their own."""
    texts = [words.title, *words.person, *words.written, *words.notices]
    for chapter in words.chapters:
        current, past = part_problems(chapter, words.language)
        texts += [*current.all, *(past.all if past is not None else ())]
    return texts


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("name", SHEETS)
def test_the_page_the_paper_and_the_bundle_say_all_of_a_sheet_and_nothing_else(name: str, language: Language) -> None:
    sheet = SHEETS[name]
    words = sheet_in_words(sheet, language)
    assert squeezed(text_of_html(sheet, language)) == whole(words.all)
    assert squeezed(text_of_fhir(sheet, language)) == whole(texts_with_past_problems(words))
    paper = text_of_pdf(sheet, language)
    assert sorted(paper) == sorted(whole(words.all))
    for chapter in words.chapters:
        for shown in (*chapter.lines, *chapter.rejected):
            assert whole(shown.all) in paper, "a line stays in one piece"


@pytest.mark.parametrize("name", SHEETS)
def test_the_cda_says_all_of_a_sheet_in_its_order_beside_its_codes(name: str) -> None:
    text, place = squeezed(text_of_cda(SHEETS[name])), 0
    for shown in texts_with_past_problems(sheet_in_words(SHEETS[name], "fr")):
        assert squeezed(shown) in text[place:]
        place = text.index(squeezed(shown), place) + len(squeezed(shown))


@pytest.mark.parametrize("name", SHEETS)
def test_bundle_and_cda_have_the_same_codes_for_the_same_lines(name: str) -> None:
    sheet = SHEETS[name]
    bundle, document = codes_in_bundle(sheet), codes_in_cda(sheet)
    coded = {line.id: line for line in sheet.lines if coded_concept(line) is not None}
    assert bundle.keys() == coded.keys()
    assert document.keys() == {id for id, line in coded.items() if entry_concept(line) is not None}
    for id, codes in document.items():
        assert codes == bundle[id]
        fact = coded[id].fact
        assert codes == {(uri(coding.system), coding.code) for coding in (fact.code.codings if fact.code else ())}


def codes_in_bundle(sheet: SummarySheet) -> dict[UUID, set[tuple[str | None, str]]]:
    """The codes of each line, by its id."""
    lines = {str(line.id): line for line in sheet.lines}
    resources = [entry["resource"] for entry in json.loads(write_fhir(sheet, "fr"))["entry"]]
    return {
        lines[resource["id"]].id: codes_of(resource, lines[resource["id"]].chapter)
        for resource in resources
        if resource["id"] in lines
    }


def codes_of(resource: dict[str, Any], chapter: Chapter) -> set[tuple[str | None, str]]:
    holder = resource["contained"][0] if chapter is Chapter.IMPLANTS else resource
    concept = next(holder[member] for member in CODE_MEMBERS if member in holder)
    return {(coding.get("system"), coding["code"]) for coding in concept.get("coding", [])}


def codes_in_cda(sheet: SummarySheet) -> dict[UUID, set[tuple[str | None, str]]]:
    """The codes of each line that the extractor reads out of the document, by its id."""
    facts = extract(write_cda(sheet), "text/xml", UUID(int=99)).facts
    cited = [(citation_of(fact.source.ids), fact) for fact in facts]
    return {
        citation.line_id: {(uri(coding.system), coding.code) for coding in fact.code.codings}
        for citation, fact in cited
        if citation is not None and citation.line_id is not None and fact.code is not None
    }


def uri(system: str | None) -> str | None:
    known_system = code_systems().get(system or "")
    return known_system.uri if known_system is not None else None
