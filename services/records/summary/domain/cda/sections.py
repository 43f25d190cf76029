"""The sections of the document: which chapter stands in which, by its models, and what stands in an empty one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from services.records.clinical_facts.domain.values import Concept
from services.records.kit.xml import tag, templates, text
from services.records.summary.domain.cda import entries, products
from services.records.summary.domain.cda.coded import Anchors
from services.records.summary.domain.cda.entry_parts import derived, loinc
from services.records.summary.domain.cda.narrative import chapter_text, paragraphs
from services.records.summary.domain.cda.no_information import NO_ENTRIES
from services.records.summary.domain.coded_lines import coded_concept, part_problems
from services.records.summary.domain.sheet import Chapter, Language, SummaryLine, SummarySheet
from services.records.summary.domain.sheet_in_words import COUNTS, PEOPLE, ChapterWords, SheetWords
from shared.terminology.value_sets import is_in

WriteEntry = Callable[[SummaryLine, Concept, Anchors], str]


@dataclass(frozen=True, slots=True)
class SectionModel:
    """A section with entries: its models, its LOINC code, and how a line is written.

    `empty_models`: of the section without an entry, where the models ask for one.
    """

    models: tuple[str, ...]
    code: tuple[str, str]
    write: WriteEntry
    empty_models: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SectionHead:
    """What stands before a section's narrative. `key`: unique in the document."""

    key: str
    models: tuple[str, ...]
    code: tuple[str, str]
    title: str


_COMMENT: Final = ("2.16.840.1.113883.10.12.201", "1.3.6.1.4.1.19376.1.4.1.2.16", "1.2.250.1.213.1.1.2.73")
_COMMENT_CODE: Final = ("55112-7", "Commentaire")
_ATTENTION: Final = ("1.2.250.1.213.1.1.2.245",)
MODELS: Final[dict[Chapter, SectionModel]] = {
    Chapter.BLOOD_GROUP: SectionModel(
        ("1.2.250.1.213.1.1.2.244",), ("30954-2", "Résultats d’examens"), entries.blood_group
    ),
    Chapter.ALLERGIES: SectionModel(
        ("2.16.840.1.113883.10.20.1.2", "1.3.6.1.4.1.19376.1.5.3.1.3.13", "1.2.250.1.213.1.1.2.137"),
        ("48765-2", "Allergies et hypersensibilités"),
        entries.allergy,
    ),
    Chapter.TREATMENTS: SectionModel(
        ("2.16.840.1.113883.10.20.1.8", "1.3.6.1.4.1.19376.1.5.3.1.3.19", "1.2.250.1.213.1.1.2.143"),
        ("10160-0", "Historique de la prise médicamenteuse"),
        products.treatment,
    ),
    Chapter.PROBLEMS: SectionModel(
        ("2.16.840.1.113883.10.20.1.11", "1.3.6.1.4.1.19376.1.5.3.1.3.6", "1.2.250.1.213.1.1.2.132"),
        ("11450-4", "Liste des problèmes actifs"),
        entries.problem,
    ),
    Chapter.PROCEDURES: SectionModel(
        (
            *("2.16.840.1.113883.10.20.1.12", "1.3.6.1.4.1.19376.1.5.3.1.3.11", "1.3.6.1.4.1.19376.1.5.3.1.3.12"),
            "1.2.250.1.213.1.1.2.136",
        ),
        ("47519-4", "Historique des actes"),
        entries.procedure,
    ),
    Chapter.IMPLANTS: SectionModel(
        ("2.16.840.1.11383.10.20.1.7", "1.3.6.1.4.1.19376.1.5.3.1.1.5.3.5", "1.2.250.1.213.1.1.2.1"),
        ("46264-8", "Dispositifs médicaux"),
        entries.device,
    ),
    Chapter.PREGNANCY: SectionModel(
        ("1.3.6.1.4.1.19376.1.5.3.1.1.5.3.4", "1.2.250.1.213.1.1.2.77"),
        ("10162-6", "Historique des grossesses"),
        entries.pregnancy,
        _COMMENT,
    ),
    Chapter.VACCINATIONS: SectionModel(
        ("2.16.840.1.113883.10.20.1.6", "1.3.6.1.4.1.19376.1.5.3.1.3.23", "1.2.250.1.213.1.1.2.147"),
        ("11369-6", "Historique des vaccinations"),
        products.vaccination,
    ),
    Chapter.DIRECTIVES: SectionModel(
        (
            *("2.16.840.1.113883.10.20.1.1", "1.3.6.1.4.1.19376.1.5.3.1.3.34", "1.3.6.1.4.1.19376.1.5.3.1.3.35"),
            "1.2.250.1.213.1.1.2.157",
        ),
        ("42348-3", "Directives anticipées"),
        entries.directive,
        ("2.16.840.1.113883.10.20.1.1", "1.3.6.1.4.1.19376.1.5.3.1.3.34"),
    ),
}
_PAST_PROBLEMS: Final = SectionModel(
    ("1.3.6.1.4.1.19376.1.5.3.1.3.8", "1.2.250.1.213.1.1.2.134"),
    ("11348-0", "Antécédents médicaux"),
    entries.problem,
)


def sections(sheet: SummarySheet, words: SheetWords) -> Iterator[str]:
    """Yields the sections of the body, in the order of the sheet."""
    sentences = (*words.person, *words.written, *words.notices)
    head = SectionHead("notices", _ATTENTION, ("44944-7", "Autres alertes"), words.title)
    yield _section(sheet, head, paragraphs(*sentences))
    for chapter in words.chapters:
        if chapter.key in (PEOPLE, COUNTS):
            head = SectionHead(chapter.key, _COMMENT, _COMMENT_CODE, chapter.title)
            yield _section(sheet, head, chapter_text(chapter, {}))
        else:
            yield from _with_entries(sheet, Chapter(chapter.key), chapter, words.language)


def entry_concept(line: SummaryLine) -> Concept | None:
    """Returns what the entry of a line is about; None for a line that stands in words alone.

    Such are those of `coded_concept`, planned vaccinations, and directives of kinds that the model does not have.
    """
    concept = coded_concept(line)
    if concept is None:
        return None
    match line.chapter:
        case Chapter.VACCINATIONS if line.fact.is_planned:
            return None
        case Chapter.DIRECTIVES:
            kinds = (coding for coding in concept.codings if is_in("directive-kind", coding.code, coding.system))
            return next((Concept(coding, (), concept.text) for coding in kinds), None)
        case _:
            return concept


def _with_entries(sheet: SummarySheet, chapter: Chapter, words: ChapterWords, language: Language) -> Iterator[str]:
    """Yields the section of a chapter; problems that are over stand in another one."""
    current, past = part_problems(words, language)
    yield _chapter(sheet, chapter, MODELS[chapter], current)
    if past is not None:
        yield _chapter(sheet, chapter, _PAST_PROBLEMS, past)


def _chapter(sheet: SummarySheet, chapter: Chapter, model: SectionModel, words: ChapterWords) -> str:
    shown_lines = [words.line for words in words.lines if words.line is not None]
    lines = [(line, concept) for line in shown_lines if (concept := entry_concept(line)) is not None]
    anchors = {line.id: Anchors(f"line-{line.id}") for line, _ in lines}
    written = [model.write(line, concept, anchors[line.id]) for line, concept in lines]
    models, code, extra = model.models, model.code, ""
    if not written and model.empty_models is not None:
        models = model.empty_models
        code = _COMMENT_CODE if models is _COMMENT else code
    elif not written and chapter in NO_ENTRIES:
        shown = Anchors(f"no-{chapter}")
        written = [NO_ENTRIES[chapter](sheet.record_id, shown)]
        extra = "".join(tag("paragraph", text(words), ID=anchor) for anchor, words, _ in shown.shown)
    head = SectionHead(words.key, models, code, words.title)
    return _section(sheet, head, chapter_text(words, anchors, extra), written)


def _section(sheet: SummarySheet, head: SectionHead, narrative: str, entries: Sequence[str] = ()) -> str:
    id = tag("id", root=str(derived(sheet.record_id, f"section-{head.key}")).upper())
    title = tag("title", text(head.title))
    parts = (templates(*head.models), id, loinc(*head.code), title, narrative)
    return tag("component", tag("section", *parts, *(tag("entry", entry) for entry in entries)))
