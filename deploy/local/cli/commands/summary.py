"""`dmp summary`: the summary sheet of a record, as a caller sees it, in a terminal or as a file in each format."""

import sys
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import orjson
import typer

from deploy.local.cli.commands.common import (
    EXIT_USAGE,
    AsPatientOption,
    Language,
    RecordOption,
    fail,
    patient_session,
    perform,
    show_json,
    show_table,
)
from deploy.local.cli.commands.people import OidOption, Sex, patient_of
from deploy.local.cli.commands.reading import write_content
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp, Session
from services.records.summary.domain.lines_in_words import LineWords
from services.records.summary.domain.sheet import SummarySheet
from services.records.summary.domain.sheet_in_words import COUNTS, PEOPLE, SheetWords, sheet_in_words
from shared.terminology.oids import INS_NIR_TEST

HEADINGS: Final = ("chapter", "what", "how sure", "source", "line")
PEOPLE_HEADINGS: Final = ("call", "phone", "who")
_DAY: Final = ["%Y-%m-%d"]


class SheetFormat(StrEnum):
    """The formats of a file."""

    HTML = "html"
    PDF = "pdf"
    FHIR = "fhir"
    CDA = "cda"


MEDIA_TYPES: Final[Mapping[SheetFormat, str]] = {
    SheetFormat.HTML: "text/html",
    SheetFormat.PDF: "application/pdf",
    SheetFormat.FHIR: "application/fhir+json",
    SheetFormat.CDA: "text/xml",
}


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(summary)


def summary(  # noqa: PLR0913  # each is an option of the command line
    record: RecordOption,
    var: VarOption,
    form: Annotated[SheetFormat | None, typer.Option("--format", help="Write the sheet in this format.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", dir_okay=False, help="A file; default: standard output.")
    ] = None,
    language: Annotated[Language, typer.Option("--language", help="Language of the sheet's own words.")] = Language.EN,
    ins: Annotated[str | None, typer.Option("--ins", help="Name the person in the file: the INS.")] = None,
    oid: OidOption = INS_NIR_TEST,
    birth_name: Annotated[str | None, typer.Option("--birth-name", help="With --ins: as in the INS.")] = None,
    given_name: Annotated[str | None, typer.Option("--given-name", help="With --ins: the first one.")] = None,
    birth_date: Annotated[datetime | None, typer.Option("--birth-date", formats=_DAY, help="With --ins.")] = None,
    sex: Annotated[Sex | None, typer.Option("--sex", help="With --ins.")] = None,
    birth_place: Annotated[str | None, typer.Option("--birth-place", help="With --ins: COG code.")] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the summary sheet of a record, as a caller sees it; without --as, the patient is the caller.

    Nothing under a chapter means that nothing is in the record, never that there is nothing. A professional's sheet may
    lack what the person masks. A file names nobody, unless --ins and the traits name the person of the record.

    Exit codes: 0 shown, 1 refused, 2 usage, 3 nothing runs.

    Examples:

    dmp summary --record UUID --as doctor

    dmp summary --record UUID --as doctor --format pdf -o summary.pdf
    """
    if form is None and (output is not None or ins is not None):
        fail(EXIT_USAGE, "--output and --ins are for a file: add --format html, pdf, fhir or cda")
    if form is not None and as_json:
        fail(EXIT_USAGE, "give either --format or --json")
    person = None if ins is None else patient_of(ins, oid, birth_name, given_name, birth_date, sex, birth_place)
    headers = {"accept": "application/json" if form is None else MEDIA_TYPES[form], "accept-language": language.value}

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> bytes:
        return await _read(patient_session(dmp, installation, record, who), record, headers, person)

    content = perform(var, look)
    if form is not None:
        write_content(content, output)
    else:
        show_sheet(content, language, as_json=as_json)


async def _read(session: Session, record: UUID, headers: Mapping[str, str], person: Mapping[str, Any] | None) -> bytes:
    path = f"/records/{record}/summary"
    if person is None:
        return (await session.call("GET", "records", path, headers=headers)).content
    return (await session.call("POST", "records", f"{path}/document", json=person, headers=headers)).content


def show_sheet(content: bytes, language: Language, *, as_json: bool) -> None:
    """Prints a sheet, from the JSON of the API, in the words that all its formats have."""
    if as_json:
        show_json(orjson.loads(content))
        return
    words = sheet_in_words(sheet_of(content), language.value)
    rows = [
        line_row(chapter.title, line)
        for chapter in words.chapters
        for line in (*chapter.lines, *chapter.rejected)
        if line.line is not None
    ]
    if rows:
        show_table(HEADINGS, rows, "")
    people = [(line.label, line.phone, ", ".join(line.salient)) for line in words.chapter(PEOPLE).lines]
    if people:
        print()
        show_table(PEOPLE_HEADINGS, people, "")
    print("\n".join(_notices(words)), file=sys.stderr)


def sheet_of(content: bytes) -> SummarySheet:
    """Returns the sheet of an answer in JSON."""
    return msgspec.json.decode(content, type=SummarySheet)


def line_row(chapter: str, words: LineWords) -> tuple[object, ...]:
    """Returns the row of a line under HEADINGS: its words, and its id."""
    more = f" and {len(words.sources) - 1} more" if len(words.sources) > 1 else ""
    return (
        chapter,
        "; ".join((words.label, *words.salient)),
        "; ".join((*words.warnings, *words.state)),
        (words.sources[0] if words.sources else "") + more,
        None if words.line is None else words.line.id,
    )


def _notices(words: SheetWords) -> list[str]:
    """Returns the sentences that stand beside the lines: what is empty, what always holds, what no line shows."""
    empty: dict[str, list[str]] = {}
    for chapter in words.chapters:
        if chapter.empty is not None:
            empty.setdefault(chapter.empty, []).append(chapter.title)
    colon = "\u00a0: " if words.language == "fr" else ": "
    sentences = [f"{', '.join(titles)}{colon}{sentence}" for sentence, titles in empty.items()]
    standing = [text for chapter in words.chapters for text in chapter.notices]
    counts = [line.label for line in words.chapter(COUNTS).lines]
    return [*sentences, *standing, *counts, *words.notices]
