"""What commands print: tables with whole values, questions before an act for ever, the seconds of a wait."""

import io
import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
import typer

from deploy.local.cli.commands.common import check_interval, check_value, confirm
from deploy.local.cli.commands.deposits import DepositRun
from deploy.local.cli.names import load_names, named
from deploy.local.cli.tables import print_table
from deploy.local.cli.waiting import counted_seconds
from deploy.local.demo.submission import StatedMetadata, UnusableFileError, bundle_of
from tests.infra.platform.waiting import eventually

IDS = [str(UUID(int=number + 2**120)) for number in range(3)]
ROWS = [(id, "Lettre de liaison à la sortie d'un établissement de soins", 12345) for id in IDS]
HEADINGS = ("document", "title", "bytes")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, width: int) -> str:
    """Returns what a table prints on a stream of this width."""
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(HEADINGS, ROWS)
    return stream.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_ids_stand_whole_and_in_one_piece_in_a_terminal_of_any_width(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    text = printed(monkeypatch, Terminal(), width)
    for id in IDS:
        assert text.count(id) == 1
    assert "…" not in text
    assert text.count("établissement") == 3 or width > 60  # folded beside the ids, never cut
    assert "".join(text.split()).count("soins") == 3


@pytest.mark.parametrize("width", [30, 70, 90])
def test_a_long_word_is_folded_and_not_cut(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    stream, address = Terminal(), f"{'anne.' * 20}end@patient.example"
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(("record", "mail"), [(IDS[0], address)])
    print_table(("mail",), [(address,)])
    assert "".join(stream.getvalue().replace(IDS[0], "").split()).count(address) == 2


def test_each_row_is_one_line_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(monkeypatch, io.StringIO(), 20)
    assert [line.split()[0] for line in text.splitlines()[2:]] == IDS
    assert all(line.rstrip().endswith("soins   12345") for line in text.splitlines()[2:])


def test_an_act_for_ever_is_refused_where_nobody_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(typer.Exit) as refused:
        confirm("this erases everything", yes=False)
    assert refused.value.exit_code == 2
    assert "this erases everything: confirm with --yes" in capsys.readouterr().err
    confirm("this erases everything", yes=True)


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_an_act_for_ever_is_asked_about_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, answer: str, goes_on: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    if goes_on:
        confirm("this erases everything", yes=False)
        return
    with pytest.raises(typer.Exit) as refused:
        confirm("this erases everything", yes=False)
    assert refused.value.exit_code == 1


def test_the_error_about_a_wrong_value_names_the_nearest_and_all_values(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        check_value("--section", "biologi", ["BIOLOGIE", "REMB"])
    assert capsys.readouterr().err == (
        "error: --section biologi is unknown: did you mean BIOLOGIE? choose one of BIOLOGIE, REMB\n"
    )


def test_an_interval_without_a_moment_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    noon, one = datetime(2026, 11, 1, 12).astimezone(), datetime(2026, 11, 1, 13).astimezone()
    check_interval(noon, one)
    for start, end in ((noon, noon), (one, noon)):
        with pytest.raises(typer.Exit):
            check_interval(start, end)
        assert "the interval is empty" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "near"), [("11490-1", "11490-0"), ("ordonnance", "ordonnance"), ("zz", "11490-0")])
def test_the_error_about_an_unknown_document_type_names_near_ones(tmp_path: Path, text: str, near: str) -> None:
    file = tmp_path / "scan.pdf"
    file.write_bytes(b"%PDF-1.7\n")
    metadata = StatedMetadata("255069999999934", "1.2.250.1.213.1.4.10", text, "Scan")
    with pytest.raises(UnusableFileError, match=f"(?is){text} is not a document type.*{near}"):
        bundle_of(file, metadata)


def test_ctrl_c_says_what_was_taken_what_may_be_and_what_was_not_sent() -> None:
    run = DepositRun("hospital", [Path("c.xml"), Path("d.xml")], Path("b.xml"), {Path("a.xml"): IDS[0]})
    assert run.interrupted() == (
        f"a.xml is accepted as deposit {IDS[0]} and goes on; follow it with `dmp track {IDS[0]}`; "
        "b.xml may be accepted: deposit it again, a second time changes nothing; not sent: c.xml, d.xml"
    )
    other = DepositRun("second-hospital", [], None, {Path("a.xml"): IDS[0]})
    assert other.interrupted().endswith(f"`dmp track {IDS[0]} --as second-hospital`")
    assert DepositRun("hospital", []).interrupted() == "nothing was sent"


async def test_a_wait_counts_its_seconds_in_a_terminal_and_leaves_no_trace() -> None:
    terminal, pipe = Terminal(), io.StringIO()

    async def counts() -> bool:
        return "waiting for the services: 0 s" in terminal.getvalue()

    async with counted_seconds(terminal, first_after_s=0):
        await eventually(counts)
    assert terminal.getvalue().endswith("\r\033[K")
    async with counted_seconds(pipe, first_after_s=0):
        await eventually(counts)
    assert pipe.getvalue() == ""


async def test_a_name_stands_beside_its_number_and_a_silent_directory_costs_the_name_alone() -> None:
    assert named("899900000101", {"899900000101": "Dr A"}) == "899900000101 Dr A"
    assert named("899900000101", {}) == "899900000101"
    assert named(None, {}) is None
    unreachable = {"services": {"identity": {"app_dsn": "postgresql://nobody@127.0.0.1:9/none"}}}
    assert await load_names(unreachable, ["899900000101", None]) == {}
    assert await load_names({}, [None]) == {}
