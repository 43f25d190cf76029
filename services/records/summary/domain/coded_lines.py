"""Which lines formats write as codes besides words, and the parting of problems into present and past ones."""

from dataclasses import replace

from services.records.clinical_facts.domain.values import Concept
from services.records.summary.domain.lines_in_words import LineWords
from services.records.summary.domain.sheet import Chapter, Language, SummaryLine
from services.records.summary.domain.sheet_in_words import ChapterWords
from services.records.summary.domain.words import Words

PAST_PROBLEMS = "past-problems"


def coded_concept(line: SummaryLine) -> Concept | None:
    """Returns what a line is about, for an entry with its code; None for a line that stands in words alone.

    Such are rejected lines, statements of none or unknown, whose scope a code would widen, and what nothing names.
    """
    fact = line.fact
    if line.state == "rejected" or fact.statement != "stated" or fact.code is None or fact.code.label is None:
        return None
    return fact.code


def part_problems(chapter: ChapterWords, language: Language) -> tuple[ChapterWords, ChapterWords | None]:
    """Returns a chapter without the problems that are over, and these as a chapter of their own, if there are any.

    Lines in words alone stay in the first one. Other chapters are returned as they are.
    """
    past = tuple(line for line in chapter.lines if chapter.key == Chapter.PROBLEMS and _is_past(line))
    if not past:
        return chapter, None
    words = Words(language)
    current = tuple(line for line in chapter.lines if line not in past)
    empty = None if current else words("nothing-else")
    title = words("past-problems")
    return replace(chapter, lines=current, empty=empty), ChapterWords(PAST_PROBLEMS, title, past)


def _is_past(words: LineWords) -> bool:
    line = words.line
    return line is not None and line.is_over and coded_concept(line) is not None
