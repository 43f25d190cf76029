"""The command line: its output and its exit codes."""

import json
import os
import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from typer.testing import CliRunner

from deploy.local.__main__ import build
from deploy.local.cli.commands import replay
from deploy.local.cli.commands.common import after
from deploy.local.cli.commands.deposits import exit_code
from deploy.local.cli.in_force import METRIC, LatencySummary, latency_in
from deploy.local.cli.tables import cell_of
from deploy.local.demo.mailbox import caught_mails, caught_sms
from deploy.local.demo.polling import describe_access, is_done
from deploy.local.platform.errors import LocalError
from deploy.local.platform.gateway import prepare_gateway
from deploy.local.platform.paths import Layout
from services.notify.delivery.adapters.gateway_certificate import GatewayCertificate
from shared.runtime.metrics import IN_FORCE_SECONDS

RECORD = "0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b"
T0, T1 = "2026-11-22T10:00:00.000000Z", "2026-11-22T10:00:00.310000Z"
LIMITS = (0.1, 0.2, 1.0)
PERSON = ("--birth-name", "PAT-TROIS", "--given-name", "DOMINIQUE", "--birth-date", "1955-06-12")


def run(*arguments: str, var: Path) -> Any:
    return CliRunner().invoke(build(), list(arguments), env={"DMP_VAR": str(var), "COLUMNS": "200"})


@pytest.mark.parametrize(
    "arguments",
    [
        ("bootstrap",),
        ("open", "--demo"),
        ("deposit", "a.xml"),
        ("ingest", "."),
        ("track", RECORD),
        ("documents", "--record", RECORD),
        ("label", RECORD, "mask", "--as", "doctor"),
        ("what-if", "--record", RECORD, "--hide-section", "BIOLOGIE"),
        ("explain", RECORD, "--as", "doctor"),
        ("get", RECORD, "--as", "doctor"),
        ("accesses", "--record", RECORD),
        ("certificate", "--record", RECORD, *PERSON, "--disease", "measles"),
        ("summary", "--record", RECORD, "--format", "pdf", "-o", "summary.pdf"),
        (
            *("sign-summary", "--record", RECORD, "--as", "attending-doctor", "--doctor", "FICTIF:Camille"),
            *("--ins", "1", *PERSON, "--sex", "female", "--confirm", RECORD),
        ),
        ("authorise", "899900000101", "--record", RECORD),
        ("authorise", "899900000101", "--record", RECORD, "--until", "2027-01-01"),
        ("hide-section", "BIOLOGIE", "--record", RECORD),
        ("emergency", "--record", RECORD, "--no-break-glass"),
        ("care-team", "--record", RECORD, "--object"),
        ("choices-history", "--record", RECORD),
        ("object-to-deposits", "1990000204", "--record", RECORD),
        ("preferences", "--record", RECORD),
        ("attending-doctor", "899900000101", "--record", RECORD),
        ("mask-new", "--record", RECORD),
        ("application", RECORD, "--record", RECORD, "--section", "BIOLOGIE"),
        ("record", RECORD),
        ("close", RECORD),
        ("reopen", RECORD, "--as", "administrator"),
        ("death", RECORD),
        ("erase", RECORD),
        ("representatives", "list", "--record", RECORD),
        ("acting-for", RECORD),
        ("carers", "invite", "--record", RECORD, "--mail", "someone@patient.example"),
        ("people-to-call", "show", "--record", RECORD),
        ("statements", "show", "--record", RECORD),
        ("statements", "put", "note", "--record", RECORD, "--state", "note:Une note"),
        ("measures", "add", "WEIGHT", "72.4", "--record", RECORD),
        ("measures", "list", "--record", RECORD, "--code", "BODY_MASS_INDEX"),
        ("measures", "correct", RECORD, "131/82", "--record", RECORD),
        ("measures", "delete", RECORD, "--record", RECORD),
        ("personal-space", "--record", RECORD),
        ("devices", "list", "--record", RECORD),
        ("check-record", "--ins", "1", "--as", "doctor"),
        ("break-glass", "--ins", "1", "--as", "doctor", "--motive", "Unconscious, history unknown"),
        ("attest", "1990000105", "--record", RECORD),
        ("my-emergencies", "--record", RECORD),
        ("lost-deposits",),
        ("failed-acknowledgements",),
        ("failed-acknowledgements", "--limit", "5", "--json"),
        ("quarantine", "list"),
        ("quarantine", "drop", "--all", "--yes"),
        ("deposits", "--from", "2026-11-01"),
        ("replay", "--from", "2026-11-01", "--to", "2026-11-02"),
        ("topics",),
        ("figures",),
        ("link", RECORD, RECORD),
        ("unlink", RECORD, RECORD),
        ("matrix", "list"),
        ("matrix", "activate", "2027-01-01", "--from", "2027-01-01"),
        ("campaign", "list"),
        ("campaign", "create", "--regions", "11"),
        ("campaign", "show", RECORD),
        ("campaign", "reprint", RECORD),
        ("dlt", "list"),
        ("dlt", "redrive", RECORD),
        ("dlt", "redrive", "--group", "notify.document-alerts", "--code", "handler-failed", "--before", "2027-01-01"),
        ("dlt", "discard", RECORD, "--reason", "sent-twice"),
        ("offsets", "list"),
        ("offsets", "reset", "records.consent-copies", "--to", "beginning", "--yes"),
        ("keys", "status"),
        ("keys", "status", "notify"),
        ("keys", "rewrap", "identity"),
        ("recover", "consent"),
        ("recover", "--check"),
        ("recover", "--check", "consent", "audit", "--json"),
        ("recover", "consent", "--announce"),
        ("correct-telephones",),
        ("clients", "list"),
        ("clients", "deactivate", RECORD),
        ("clients", "change", RECORD, "--scopes", "documents.read"),
    ],
)
def test_where_nothing_runs_one_line_says_so(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run(*arguments, var=tmp_path)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == f"error: nothing runs in {tmp_path}: start it with `make up` (or `dmp up`)\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("open",),
        ("open", "--ins", "1"),
        ("documents",),
        ("documents", "--ins", "1"),
        ("documents", "--ins", "1", "--record", RECORD),
        ("deposit", "a.xml", "--visibility", "NOBODY"),
        ("ingest",),
        ("ingest", "no-such-file"),
        ("ingest", ".", "--mllp", "nowhere"),
        ("deposit",),
        ("track", "not-an-id"),
        ("failed-acknowledgements", "--limit", "0"),
        ("dlt", "redrive"),
        ("dlt", "redrive", "--code", "handler-failed", "--before", "yesterday"),
        ("dlt", "discard", RECORD),
        ("offsets", "reset", "records.consent-copies", "--to", "beginning"),
        ("offsets", "reset", "records.consent-copies", "--to", "end", "--yes"),
        ("offsets", "reset", "nobody.at-all", "--to", "beginning", "--yes"),
        ("keys", "rewrap", "nobody"),
        ("keys", "status", "nobody"),
        ("keys", "new", "nobody"),
        ("recover",),
        ("recover", "nobody"),
        ("recover", "consent", "audit"),
        ("recover", "consent", "--check", "--announce"),
        ("erase", "not-an-id"),
        ("hide-section", "NOWHERE", "--record", RECORD),
        ("what-if", "--record", RECORD, "--hide-section", "NOWHERE"),
        ("open", "--oid", "1.2.3", "--demo"),
        ("add", __file__, "--record", RECORD, "--type", "11490-0"),
        ("care-team", "--record", RECORD),
        ("care-team", "--record", RECORD, "--object", "--end-attestation", "1990000105"),
        ("application", RECORD, "--record", RECORD),
        ("carers", "invite", "--record", RECORD),
        ("carers", "answer", "accepted", "--record", RECORD),
        ("people-to-call", "set", "--record", RECORD, "--person", "friend:a:b:c"),
        ("measures", "add", "MOOD", "5", "--record", RECORD),
        ("measures", "add", "BODY_MASS_INDEX", "25", "--record", RECORD),
        ("measures", "add", "BLOOD_PRESSURE", "131", "--record", RECORD),
        ("measures", "add", "GLUCOSE", "90", "--record", RECORD, "--moment", "noon"),
        ("statements", "put", "profile", "--record", RECORD, "--state", "allergy:x"),
        ("statements", "put", "note", "--record", RECORD, "--state", "allergy:x"),
        ("statements", "put", "note", "--record", RECORD, "--state", "note"),
        ("devices", "sign-out", "--record", RECORD),
        ("warnings", "--record", RECORD, "--as", "doctor", "--acknowledge", "Tolerated since 2020"),
        ("warnings", "--record", RECORD, "--as", "doctor", "--cda", __file__, "--medicine", "ATC=J01CA04"),
        ("warnings", "--record", RECORD, "--as", "doctor", "--medicine", "RPPS=1"),
        ("break-glass", "--ins", "1", "--as", "doctor", "--motive", "short"),
        ("representatives", "add", "--record", RECORD, "--ins", "1", "--evidence", "hearsay", "--reference", "1"),
        ("replay", "--from", "2026-11-02", "--to", "2026-11-02"),
        ("replay", "--from", "2126-11-02"),
        ("figures", "--from", "2026-11-02", "--to", "2026-11-01"),
        ("figures", "--region", "00"),
        ("campaign", "create", "--regions", "11,00"),
        ("clients", "add-key", RECORD, "/nonexistent/key.json"),
        ("nonsense",),
    ],
)
def test_a_wrong_use_ends_with_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run(*arguments, var=tmp_path)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "successor"),
    [
        (("why", RECORD, "--as", "doctor"), "explain"),
        (("why", "--help"), "explain"),
        (("object", "1990000204", "--record", RECORD), "object-to-deposits"),
        (("object",), "object-to-deposits"),
    ],
)
def test_a_retired_name_of_a_command_names_its_successor(
    arguments: tuple[str, ...], successor: str, tmp_path: Path
) -> None:
    result = run(*arguments, var=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: `dmp {arguments[0]}` is now `dmp {successor}`\n"
    assert f"│ {arguments[0]} " not in run("--help", var=tmp_path).stdout


def row(status: str, done: bool = False) -> dict[str, Any]:
    return {"status": status, "done": done}


@pytest.mark.parametrize(
    ("rows", "wait", "expected"),
    [
        ([row("published", True), row("published", True)], True, 0),
        ([row("received")], False, 0),
        ([row("received")], True, 4),
        ([row("published", True), row("refused", True)], True, 1),
        ([row("refused")], False, 1),
        ([row("unusable"), row("published", True)], False, 1),
    ],
)
def test_a_deposit_ends_with_what_became_of_the_files(rows: list[dict[str, Any]], wait: bool, expected: int) -> None:
    assert exit_code(rows, wait) == expected


def test_a_document_is_done_when_nothing_more_will_happen() -> None:
    published = {"status": "published", "audited_at": T1, "alert_handled_at": T1}
    refused = {"status": "refused", "audited_at": T1, "alert_handled_at": None}
    assert is_done(published)
    assert is_done(refused)
    assert not is_done(published | {"alert_handled_at": None})
    assert not is_done(refused | {"audited_at": None})
    assert not is_done(published | {"status": "received"})


def test_times_are_shown_as_a_person_reads_them() -> None:
    assert after(T0, T1) == "310 ms"
    assert after(T0, "2026-11-22T10:01:00.000000Z") == "60 s"
    assert after(T0, None) == cell_of(None) == "-"


def test_an_access_is_told_in_a_line() -> None:
    line = {
        "occurred_at": T0,
        "who": {"kind": "professional", "you": False, "id": "899900000101", "name": None, "profession": "10"},
        "action": "read-document",
        "outcome": "refused",
        "reason": "blocked",
        "mode": "normal",
        "subject": None,
    }
    assert describe_access(line).split()[1:] == ["899900000101", "read", "a", "document", "REFUSED", "(blocked)"]
    own = line | {"who": {"kind": "patient", "you": True, "id": None, "name": None}, "outcome": "permitted"}
    own |= {"action": "block-professional", "subject": {"id": "899900000101", "name": "Dr A"}}
    assert describe_access(own).split()[1:] == ["you", "blocked", "a", "professional:", "Dr", "A", "permitted"]


def page(*counts: int) -> str:
    """Returns a metrics page with `counts` times within each limit and, last, beyond the last limit."""
    registry = CollectorRegistry()
    histogram = Histogram(METRIC, "Times.", buckets=LIMITS, registry=registry)
    for times, seconds in zip(counts, (*LIMITS, 100.0), strict=True):
        for _ in range(times):
            histogram.observe(seconds)
    return generate_latest(registry).decode()


@pytest.mark.parametrize(
    ("counts", "spread"),
    [
        ((0, 0, 0, 0), LatencySummary(0, None, None)),
        ((10, 0, 0, 0), LatencySummary(10, 0.05, 0.099)),
        ((50, 49, 1, 0), LatencySummary(100, 0.1, 0.2)),
        ((0, 0, 100, 0), LatencySummary(100, 0.6, 0.992)),
        ((98, 0, 0, 2), LatencySummary(100, 0.1 * 50 / 98, 1.0)),
    ],
)
def test_how_fast_rights_come_into_force_is_read_from_the_histogram(
    counts: tuple[int, ...], spread: LatencySummary
) -> None:
    measured = latency_in(page(*counts))
    assert measured.count == spread.count
    assert measured.p50 == pytest.approx(spread.p50)
    assert measured.p99 == pytest.approx(spread.p99)


def test_the_metric_that_is_shown_is_the_one_that_is_kept() -> None:
    before = latency_in(generate_latest().decode()).count
    IN_FORCE_SECONDS.observe(0.04)
    after_it = latency_in(generate_latest().decode())
    assert after_it.count == before + 1
    assert "ms (p99)" in str(after_it)


def mail(folder: Path, name: str, to: str) -> None:
    message = EmailMessage()
    message["To"], message["Subject"] = to, "Hôtel"
    message.set_content("Bonjour")
    (folder / name).write_bytes(message.as_bytes())


def test_caught_mails_are_listed_in_the_order_of_their_arrival_even_when_nothing_runs(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    mail(folder, "2000000000000000000-1-0.eml", "b@mail.example")
    mail(folder, "1000000000000000000-1-0.eml", "a@mail.example")
    (folder / ".3000000000000000000-1-0").write_bytes(b"half")
    assert len(caught_mails(folder)) == 2
    assert [mail_caught.to for mail_caught in caught_mails(folder)] == ["a@mail.example", "b@mail.example"]
    listed = json.loads(run("mails", "--json", var=tmp_path).stdout)
    assert [(mail_caught["number"], mail_caught["to"], mail_caught["subject"]) for mail_caught in listed] == [
        (1, "a@mail.example", "Hôtel"),
        (2, "b@mail.example", "Hôtel"),
    ]
    assert "Bonjour" in run("mails", "show", "1", var=tmp_path).stdout
    assert run("mails", "show", "3", var=tmp_path).exit_code == 1
    assert len(json.loads(run("mails", "--to", "b@mail.example", "--json", var=tmp_path).stdout)) == 1


def test_caught_sms_and_letters_are_listed_the_newest_last(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.create()
    prepare_gateway(layout)
    gateway = GatewayCertificate("sms", layout.gateway_certificate)
    for seconds, number in ((2000, "+33699990002"), (1000, "+33699990001")):
        path = layout.sms / f"{number}.p7m"
        path.write_bytes(gateway.encrypt(f"To: {number}\n\nDMP : code 123 456\n".encode()))
        os.utime(path, (seconds, seconds))
    text = "Camille EXEMPLE\n75001 PARIS\n\n1 mars 2026\n\nObjet : Essai\n\nBonjour,\n"
    (layout.letters / "a.p7m").write_bytes(gateway.encrypt(text.encode()))
    (layout.letters / ".draft").write_text("half", "utf-8")
    listed = json.loads(run("mails", "--sms", "--json", var=tmp_path).stdout)
    assert [sms_caught["to"] for sms_caught in listed] == ["+33699990001", "+33699990002"]
    [letter] = json.loads(run("mails", "--letters", "--json", var=tmp_path).stdout)
    assert (letter["to"], letter["subject"]) == ("Camille EXEMPLE", "Essai")
    assert run("mails", "show", "--sms", var=tmp_path).stdout == "To: +33699990002\n\nDMP : code 123 456\n"
    assert "75001 PARIS" in run("mails", "show", "--letters", "1", var=tmp_path).stdout
    assert run("mails", "show", "--letters", "2", var=tmp_path).exit_code == 1
    assert run("mails", "--sms", "--letters", var=tmp_path).exit_code == 1
    layout.gateway_key.unlink()
    prepare_gateway(layout)
    with pytest.raises(LocalError, match="cannot be opened"):
        caught_sms(layout)


@pytest.mark.parametrize(("version", "made_by", "code"), [("2", ["3"], 0), ("3", [], 1)])
def test_a_replay_tells_of_each_difference_the_release_that_made_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, made_by: list[str], code: int
) -> None:
    difference = {
        "event_id": RECORD,
        "action": "hide-section",
        "combination": None,
        "rules_version": version,
        "made_by": made_by,
        "then": {"outcome": "refused", "reason": "kind-not-permitted"},
        "now": {"outcome": "permitted", "reason": "carer"},
        "decided_under": "3",
    }
    counts = {"entries": 1, "decisions": 1, "without_facts": 0, "unreadable": 0}
    releases = {"1": "reads", "2": "everything", "3": "carers change rights"}
    report = {**counts, "rules_version": "3", "releases": releases, "differences": [difference]}
    monkeypatch.setattr(replay, "perform", lambda *_: report)
    result = run("replay", "--from", "2026-11-01", var=tmp_path)
    assert result.exit_code == code
    assert f"1 differences, {code} under unchanged rules" in result.output
    assert ("rules 3: carers change rights" in result.output) is bool(made_by)
    assert "everything" not in result.output


def test_a_new_key_is_an_entry_for_a_ring(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = run("keys", "new", "notify", "--kid", "k-1", var=tmp_path)
    assert result.exit_code == 0
    assert re.fullmatch(r"k-1:[A-Za-z0-9_-]{43}\n", capfd.readouterr().out)
