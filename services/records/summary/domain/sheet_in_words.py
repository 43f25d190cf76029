"""The whole sheet in words: what the formats that people read consist of, and in which order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.records.summary.domain.lines_in_words import LineWords, line_in_words, person_in_words
from services.records.summary.domain.sheet import Chapter, Language, SummarySheet
from services.records.summary.domain.words import Words
from shared.values import RedactedRepr, Sex

PEOPLE: Final = "people"
COUNTS: Final = "counts"
_PEOPLE_BEFORE: Final = Chapter.DIRECTIVES


@dataclass(frozen=True, slots=True, repr=False)
class ChapterWords(RedactedRepr):
    """A chapter. `key`: of its chapter, PEOPLE or COUNTS. `notices`: sentences that always stand there.

    `empty`: the sentence of a chapter without lines to show; None where there are some.
    """

    key: str
    title: str
    lines: tuple[LineWords, ...] = ()
    rejected: tuple[LineWords, ...] = ()
    notices: tuple[str, ...] = ()
    empty: str | None = None
    rejected_title: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """Every text of the chapter, in the order in which formats write them."""
        lines = [text for line in self.lines for text in line.all]
        rejected = [text for line in self.rejected for text in line.all]
        ends = (self.rejected_title,) if self.rejected_title is not None else ()
        empty = (self.empty,) if self.empty is not None else ()
        return (self.title, *self.notices, *empty, *lines, *ends, *rejected)


@dataclass(frozen=True, slots=True, repr=False)
class SheetWords(RedactedRepr):
    """The sheet. `person`: name, then traits and number; a single sentence where the person is not named."""

    language: Language
    title: str
    person: tuple[str, ...]
    written: tuple[str, ...]
    notices: tuple[str, ...]
    chapters: tuple[ChapterWords, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every text of the sheet, in the order in which formats write them."""
        chapters = [text for chapter in self.chapters for text in chapter.all]
        return (self.title, *self.person, *self.written, *self.notices, *chapters)

    def chapter(self, key: str) -> ChapterWords:
        """Returns a chapter by its key."""
        return next(chapter for chapter in self.chapters if chapter.key == key)


def sheet_in_words(sheet: SummarySheet, language: Language) -> SheetWords:
    """Returns the words of a sheet."""
    words = Words(language)
    return SheetWords(
        language,
        words("title"),
        tuple(_person(sheet, words)),
        tuple(_written(sheet, words)),
        tuple(_notices(sheet, words)),
        tuple(_chapters(sheet, words)),
    )


def _person(sheet: SummarySheet, words: Words) -> Iterator[str]:
    if sheet.patient is None:
        yield words("anonymous")
        return
    traits, ins = sheet.patient.traits, sheet.patient.ins
    yield " ".join(name for name in (traits.birth_name, traits.given_name) if name) or words("unnamed")
    sex = traits.sex or Sex.UNKNOWN
    born = words("born", day=words.iso(traits.birth_date)) if traits.birth_date else None
    yield ", ".join(part for part in (born, words(f"sex-{sex}")) if part)
    yield f"{words('ins')} {ins.matricule}"


def _written(sheet: SummarySheet, words: Words) -> Iterator[str]:
    yield words("written", moment=words.moment(sheet.written_at))
    signer = sheet.signer
    if signer is not None:
        yield words("signed", doctor=f"{signer.given_name} {signer.family_name}")


def _notices(sheet: SummarySheet, words: Words) -> Iterator[str]:
    if sheet.audience == "professional":
        yield words("masked")
    yield words("proposals")


def _chapters(sheet: SummarySheet, words: Words) -> Iterator[ChapterWords]:
    for chapter in Chapter:
        if chapter is _PEOPLE_BEFORE:
            yield _people(sheet, words)
        yield _chapter(sheet, chapter, words)
    yield _counts(sheet, words)


def _chapter(sheet: SummarySheet, chapter: Chapter, words: Words) -> ChapterWords:
    lines = sheet.of(chapter)
    shown = tuple(line_in_words(line, words) for line in lines if line.state != "rejected")
    rejected = tuple(line_in_words(line, words) for line in lines if line.state == "rejected")
    return ChapterWords(
        chapter.value,
        words(f"chapter-{chapter}"),
        shown,
        rejected,
        tuple(_standing(chapter, has_lines=bool(lines), words=words)),
        None if shown else words("nothing-else" if rejected else "nothing"),
        words("rejected-lines") if rejected else None,
    )


def _standing(chapter: Chapter, *, has_lines: bool, words: Words) -> Iterator[str]:
    if chapter is Chapter.BLOOD_GROUP and has_lines:
        yield words("transfusion")
    if chapter is Chapter.DIRECTIVES:
        yield words("refusals")


def _people(sheet: SummarySheet, words: Words) -> ChapterWords:
    people = tuple(person_in_words(person, words) for person in sheet.people_to_call)
    return ChapterWords(PEOPLE, words("chapter-people"), people, empty=None if people else words("nothing"))


def _counts(sheet: SummarySheet, words: Words) -> ChapterWords:
    counts = sheet.counts
    lines = (
        words("counts-text-only", count=counts.text_only),
        words("counts-unread", count=counts.unread),
        words("counts-pending", count=counts.pending),
    )
    return ChapterWords(COUNTS, words("chapter-counts"), tuple(LineWords(line) for line in lines))
