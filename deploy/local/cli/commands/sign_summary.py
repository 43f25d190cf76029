"""`dmp sign-summary`: a médecin traitant confirms, rejects and states lines of the summary sheet."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_NOT_YET,
    EXIT_REFUSED,
    EXIT_USAGE,
    RecordOption,
    WhoOption,
    YesOption,
    confirm,
    fail,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.commands.people import OidOption, Sex, patient_of
from deploy.local.cli.commands.reading import write_content
from deploy.local.cli.commands.signed_lines import STATED_CHAPTERS, SignedLines, named_lines, signed_before
from deploy.local.cli.commands.summary import sheet_of
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp
from services.records.summary.domain.lines_in_words import label_of
from services.records.summary.domain.words import Words
from shared.terminology.oids import INS_NIR_TEST

HEADINGS: Final = ("act", "what", "line")
_DAY: Final = ["%Y-%m-%d"]
_PREFER: Final = {"prefer": "wait=10"}
_INTERRUPTED: Final = "the version may have been signed: look with `dmp summary`"
_CODES: Final = {"published": 0, "refused": EXIT_REFUSED}


@dataclass(frozen=True)
class PreviewedVersion:
    """A version before it is signed: the request, its lines as rows of a table, the document, the sheet's ETag."""

    body: Mapping[str, Any]
    rows: list[tuple[object, ...]]
    content: bytes
    etag: str


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command("sign-summary")(sign_summary)


def sign_summary(  # noqa: PLR0913  # each is an option of the command line
    record: RecordOption,
    var: VarOption,
    who: WhoOption,
    signer: Annotated[str, typer.Option("--doctor", metavar="FAMILY:GIVEN", help="The doctor's names.")],
    ins: Annotated[str, typer.Option("--ins", help="The person of the record: the INS.")],
    birth_name: Annotated[str, typer.Option("--birth-name", help="As in the INS.")],
    given_name: Annotated[str, typer.Option("--given-name", help="The first of the birth names.")],
    birth_date: Annotated[datetime, typer.Option("--birth-date", formats=_DAY, help="As in the INS.")],
    sex: Annotated[Sex, typer.Option("--sex", help="As in the INS.")],
    birth_place: Annotated[str | None, typer.Option("--birth-place", help="COG code, 5 characters.")] = None,
    oid: OidOption = INS_NIR_TEST,
    confirmed: Annotated[
        list[UUID] | None, typer.Option("--confirm", metavar="LINE", help="A line, by its id in `dmp summary`.")
    ] = None,
    rejected: Annotated[
        list[str] | None, typer.Option("--reject", metavar="LINE=REASON", help="A line that is wrong, and why.")
    ] = None,
    stated: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="CHAPTER:TEXT[:SINCE]", help=f"A line of yours: {', '.join(STATED_CHAPTERS)}."),
    ] = None,
    withdrawn: Annotated[
        list[UUID] | None, typer.Option("--withdraw", metavar="LINE", help="Sign no more what you signed of it.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write what is signed (CDA) to a file first.")
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Sign a version of the summary sheet, as the médecin traitant: confirm, reject and state lines.

    It previews the document, lists its lines, asks, and signs what was previewed; nothing else. What you signed before
    stays signed, unless a line is named otherwise. A confirmed line counts once the version is published.

    Exit codes: 0 published, 1 refused or not wanted, 2 usage, 3 nothing runs, 4 accepted but not yet published.

    Examples:

    dmp sign-summary --record UUID --as attending-doctor --doctor TRESSARD:Ombeline --ins 255069999999934
    --birth-name PAT-TROIS --given-name DOMINIQUE --birth-date 1955-06-12 --sex female --confirm LINE

    ... --reject LINE="Another person's result" --state problems:Asthme:2011 -o version.xml --yes
    """
    family_name, _, first_name = signer.partition(":")
    if not (family_name and first_name):
        fail(EXIT_USAGE, f"--doctor {signer}: write FAMILY:GIVEN, such as TRESSARD:Ombeline")
    named, dropped = named_lines(confirmed or (), rejected or (), stated or ()), withdrawn or []
    if named == SignedLines() and not dropped:
        fail(EXIT_USAGE, "name a line: --confirm LINE, --reject LINE=REASON, --state CHAPTER:TEXT, --withdraw LINE")
    body = {
        "written_at": datetime.now(UTC).isoformat(),
        "doctor": {"family_name": family_name, "given_name": first_name},
        "patient": patient_of(ins, oid, birth_name, given_name, birth_date, sex, birth_place),
    }

    async def preview(dmp: Dmp, installation: Mapping[str, Any]) -> PreviewedVersion:
        return await _preview(dmp, installation, (who, record), body, (named, dropped))

    version = perform(var, preview)
    if output is not None:
        write_content(version.content, output)
    if not as_json:
        show_table(HEADINGS, version.rows, "a version without a line")
    confirm(f"Dr {first_name} {family_name} signs {len(version.rows)} lines of the summary sheet", yes)
    document = perform(var, lambda dmp, installation: _sign(dmp, installation, (who, record), version), _INTERRUPTED)
    if as_json:
        show_json(document)
    else:
        row = (document["document_id"], document["status"], document["reason"])
        show_table(("document", "status", "reason"), [row], "")
    raise typer.Exit(_CODES.get(document["status"], EXIT_NOT_YET))


async def _preview(
    dmp: Dmp,
    installation: Mapping[str, Any],
    place: tuple[str, UUID],
    body: Mapping[str, Any],
    changes: tuple[SignedLines, list[UUID]],
) -> PreviewedVersion:
    """Returns the version that keeps what the doctor signed before, with the changes."""
    who, record = place
    session, path = session_for(dmp, installation, who), f"/records/{record}/summary"
    sheet = sheet_of((await session.call("GET", "records", path)).content)
    lines = signed_before(sheet, _doctor_id(installation, who))
    named, withdrawn = changes
    lines.take(named)
    for id in withdrawn:
        lines.drop(id)
    whole = {**body, **lines.body()}
    preview = await session.call("POST", "records", f"{path}/preview", json=whole)
    labels = {line.id: label_of(line.fact, Words("en")) for line in sheet.lines}
    return PreviewedVersion(whole, [*lines.rows(labels)], preview.content, preview.headers["etag"])


async def _sign(
    dmp: Dmp, installation: Mapping[str, Any], place: tuple[str, UUID], version: PreviewedVersion
) -> dict[str, Any]:
    who, record = place
    body = {**version.body, "sha256": hashlib.sha256(version.content).hexdigest()}
    headers = {"if-match": version.etag, **_PREFER}
    session = session_for(dmp, installation, who)
    answer = await session.call("PUT", "records", f"/records/{record}/summary", json=body, headers=headers)
    document: dict[str, Any] = answer.json()["documents"][0]
    return document


def _doctor_id(installation: Mapping[str, Any], who: str) -> str:
    """Returns the national number of a professional who is named by --as. Exits with 2 for anybody else."""
    match who.split(":"):
        case ["professional", id, *_] if id:
            return id
    credential = installation.get("credentials", {}).get(who, {})
    if "professional_id" not in credential:
        fail(
            EXIT_USAGE, f"--as {who}: a médecin traitant signs, professional:ID:STRUCTURE or a name of `dmp bootstrap`"
        )
    return str(credential["professional_id"])
