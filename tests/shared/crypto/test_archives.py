"""Archives for a public key: who makes them cannot open them, and no part of one is taken for the whole."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

CONTENT = os.urandom(200_000)


def run(*arguments: str | Path, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "shared.crypto.archives", *map(str, arguments)]
    return subprocess.run(command, input=content, capture_output=True, check=False, timeout=60)


@pytest.fixture(name="keys")
def make_keys(tmp_path: Path) -> Path:
    """A folder with a private key (`key`) and its public key (`public`)."""
    made = run("new-key", tmp_path / "key")
    (tmp_path / "public").write_bytes(made.stdout)
    return tmp_path


def test_an_archive_is_opened_by_the_private_key_and_by_nothing_else(keys: Path) -> None:
    archive = run("encrypt", "--to", keys / "public", content=CONTENT)
    assert archive.returncode == 0
    assert CONTENT[:64] not in archive.stdout
    assert run("decrypt", "--key", keys / "key", content=archive.stdout).stdout == CONTENT

    other = run("new-key", keys / "other")
    refused = run("decrypt", "--key", keys / "other", content=archive.stdout)
    assert other.returncode == 0
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert run("decrypt", "--key", keys / "public", content=archive.stdout).returncode == 1


def test_an_archive_that_was_cut_off_or_altered_ends_with_an_error(keys: Path) -> None:
    archive = run("encrypt", "--to", keys / "public", content=CONTENT).stdout
    altered = archive[:150_000] + bytes([archive[150_000] ^ 1]) + archive[150_001:]
    for content in (archive[:-1], archive[:100_000], altered, CONTENT, b""):
        opened = run("decrypt", "--key", keys / "key", content=content)
        assert opened.returncode == 1
        assert b"Traceback" not in opened.stderr


def test_the_private_key_is_for_its_owner_alone_and_never_overwritten(keys: Path) -> None:
    file = keys / "key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    again = run("new-key", file)
    assert (again.returncode, file.read_bytes()) == (1, before)


def test_a_private_key_in_the_wrong_place_is_refused_and_not_quoted(keys: Path) -> None:
    refused = run("encrypt", "--to", keys / "key", content=CONTENT)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"AGE-SECRET-KEY-1" not in refused.stderr.replace(b"AGE-SECRET-KEY-1...", b"")
    assert run("encrypt", "--to", keys / "missing", content=CONTENT).returncode == 1
