"""`dmp summary` and `dmp sign-summary`: the words of a sheet, and the lines that a doctor signs."""

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from deploy.local.cli.commands.common import Language
from deploy.local.cli.commands.signed_lines import SignedLines, named_lines, signed_before
from deploy.local.cli.commands.summary import sheet_of, show_sheet
from services.records.summary.domain.sheet_in_words import sheet_in_words
from services.records.summary.domain.sheet_json import sheet_body
from tests.deploy.local.cli.test_commands import RECORD, run
from tests.infra.records.summary_sheets import DOCTOR_ID, a_full_sheet, a_sheet

TRAITS = ("--birth-name", "PAT-TROIS", "--given-name", "DOMINIQUE", "--birth-date", "1955-06-12", "--sex", "female")
SHEET = replace(a_full_sheet(), patient=None, signer=None)
"""As the API gives it: a request alone names the person and the doctor."""
CONFIRMED = [UUID(int=number) for number in (2, 3, 5)]
REJECTED, STATED, PROPOSED = UUID(int=0x16), UUID(int=0x1C), UUID(int=4)


def sign(*options: str, var: Path, doctor: str = "FICTIF:Camille", who: str = "attending-doctor") -> str:
    """Runs `dmp sign-summary`, a wrong use of it; returns its message."""
    named = ("--record", RECORD, "--as", who, "--doctor", doctor, "--ins", "1", *TRAITS)
    result = run("sign-summary", *named, *options, var=var)
    assert result.exit_code == 2, result.output
    return str(result.stderr)


def test_a_sheet_is_shown_in_the_words_of_its_formats(capsys: pytest.CaptureFixture[str]) -> None:
    content = sheet_body(SHEET, ()).content
    assert sheet_of(content) == SHEET
    show_sheet(content, Language.EN, as_json=False)
    shown, beside = capsys.readouterr()
    words = sheet_in_words(SHEET, "en")
    for chapter in words.chapters:
        for line in chapter.lines if chapter.key != "counts" else ():
            assert line.label in shown
            assert all(text in shown for text in (*line.warnings, *line.state)), line.label
    assert all(str(line.id) in shown for line in SHEET.lines)
    assert "06 39 98" in shown.replace("\u00a0", " "), "whom to call"
    for notice in (*words.notices, "Not sufficient to transfuse", "Documents still to be read: 2"):
        assert notice in beside
    show_sheet(content, Language.EN, as_json=True)
    assert json.loads(capsys.readouterr().out)["record_id"] == str(SHEET.record_id)


def test_an_empty_sheet_says_that_nothing_is_in_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    show_sheet(sheet_body(a_sheet(), ()).content, Language.FR, as_json=False)
    shown, beside = capsys.readouterr()
    first = beside.splitlines()[0]
    assert (shown, first.startswith("Groupe sanguin, Allergies et intolérances, ")) == ("", True), beside
    assert first.endswith("\u00a0: Rien dans le dossier.")


@pytest.mark.parametrize("doctor_id", [DOCTOR_ID, DOCTOR_ID[1:]])
def test_what_a_doctor_signed_stays_signed(doctor_id: str) -> None:
    signed = signed_before(SHEET, doctor_id)
    assert (signed.confirmed, list(signed.rejected), list(signed.stated)) == (CONFIRMED, [REJECTED], [STATED])
    assert signed.stated[STATED]["text"] == "Asthme d’effort"
    assert signed_before(SHEET, "899900000042") == SignedLines()


def test_a_line_that_is_named_is_signed_as_it_is_named() -> None:
    signed = signed_before(SHEET, DOCTOR_ID)
    signed.take(named_lines([PROPOSED, REJECTED], [f"{CONFIRMED[0]}=another person"], ["problems:Asthme:2011"]))
    signed.drop(STATED)
    body = signed.body()
    assert body["confirmed"] == [str(id) for id in (*CONFIRMED[1:], PROPOSED, REJECTED)]
    assert body["rejected"] == [{"id": str(CONFIRMED[0]), "reason": "another person"}]
    [statement] = body["statements"]
    assert (statement["chapter"], statement["text"], statement["since"]) == ("problems", "Asthme", "2011")
    acts = [row[0] for row in signed.rows({})]
    assert acts == ["confirm"] * 4 + ["reject: another person", "state (problems)"]


def test_a_wrong_use_says_what_to_write(tmp_path: Path) -> None:
    line = str(PROPOSED)
    for message, wrong in (
        ("name a line", ()),
        ("write LINE=REASON", ("--reject", line)),
        ("write LINE=REASON", ("--reject", "this=wrong")),
        ("write CHAPTER:TEXT", ("--state", "problems")),
        ("did you mean problems", ("--state", "problem:Asthme")),
        ("--state blood-group is unknown", ("--state", "blood-group:A+")),
    ):
        assert message in sign(*wrong, var=tmp_path), wrong
    assert "write FAMILY:GIVEN" in sign("--confirm", line, var=tmp_path, doctor="FICTIF")
    for message, options in (
        ("--output and --ins are for a file", ("-o", "sheet.pdf")),
        ("either --format or --json", ("--format", "pdf", "--json")),
        ("--ins needs", ("--format", "pdf", "--ins", "1")),
    ):
        result = run("summary", "--record", RECORD, *options, var=tmp_path)
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
