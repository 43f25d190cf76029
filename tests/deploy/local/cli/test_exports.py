"""`dmp verify-export` with keys in a file: a line for each problem, and an exit code."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.local.__main__ import build
from services.audit.accesses.adapters import AccessFileWriter
from services.audit.accesses.models import NamedView
from tests.infra.records.exports import FACTS, KEYS, MADE_AT, PUBLISHED, an_archive

CONTENTS = (b"first", b"second")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a copy, a list of accesses, and the keys that signed both."""
    (tmp_path / "record.zip").write_bytes(an_archive(*CONTENTS))
    writer = AccessFileWriter(FACTS.record_id, MADE_AT)
    pieces = (writer.head(), writer.entries([NamedView(id="1")]), writer.signature(KEYS))
    (tmp_path / "accesses.jsonl").write_bytes(b"".join(pieces))
    (tmp_path / "keys").write_text(json.dumps(PUBLISHED))
    return tmp_path


def verify(folder: Path, *arguments: str) -> Any:
    files = [str(folder / name) for name in ("record.zip", "accesses.jsonl")]
    options = ["--keys", str(folder / "keys"), *arguments]
    return CliRunner().invoke(build(), ["verify-export", *files, *options], env={"DMP_VAR": str(folder)})


def test_what_is_genuine_is_a_line_each_and_the_code_zero(folder: Path) -> None:
    result = verify(folder)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        f"record.zip: genuine: a copy of record {FACTS.record_id} for its patient, 2026-11-30 09:15 UTC, 2 documents",
        f"accesses.jsonl: genuine: the accesses to record {FACTS.record_id}, 2026-11-30 09:15 UTC, 1 entries",
    ]
    assert [each["problems"] for each in json.loads(verify(folder, "--json").output)] == [[], []]


def test_what_was_changed_is_a_line_for_each_problem_and_the_code_one(folder: Path) -> None:
    archive = (folder / "record.zip").read_bytes()
    (folder / "record.zip").write_bytes(archive.replace(b"first", b"FIRST").replace(b"second", b"SECOND"))
    result = verify(folder)
    assert result.exit_code == 1
    assert result.output.splitlines()[:2] == [
        "record.zip: documents/1.txt: it was changed",
        "record.zip: documents/2.txt: it was changed",
    ]
    accesses = folder / "accesses.jsonl"
    accesses.write_bytes(accesses.read_bytes().replace(b'"id":"1"', b'"id":"2"'))
    assert "accesses.jsonl: content: it is not the one that was signed" in verify(folder).output


def test_without_the_keys_that_signed_it_nothing_is_genuine(folder: Path) -> None:
    (folder / "keys").write_text(json.dumps({"keys": []}))
    result = verify(folder)
    assert (result.exit_code, result.output.count("signature: none of the published keys")) == (1, 2)
    (folder / "keys").write_text("no keys")
    assert verify(folder).exit_code == 1


def test_a_file_that_is_not_there_is_no_genuine_one(folder: Path) -> None:
    (folder / "record.zip").unlink()
    assert verify(folder).exit_code == 1
