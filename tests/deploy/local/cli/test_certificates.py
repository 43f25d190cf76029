"""`dmp verify-certificate` with keys and lists in files: one line, and an exit code."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.local.__main__ import build
from deploy.local.platform.services import CERTIFICATE_ISSUER
from services.records.revocations.domain import RevocationList
from tests.infra.records.certificates import KEYS, RID, a_card


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a card, the issuer's keys, and lists that revoke something else, and this card."""
    (tmp_path / "card").write_bytes(a_card().file())
    (tmp_path / "keys").write_text(json.dumps({"keys": KEYS.published({KEYS.active: 2})}))
    for name, rid in (("other", "another"), ("this", RID)):
        (tmp_path / name).write_text(json.dumps(RevocationList.of_rids(KEYS.active, [rid]).published()))
    return tmp_path


def verify(folder: Path, *options: str, revoked: str = "other") -> Any:
    files = [str(folder / "card"), "--keys", str(folder / "keys"), "--revocations", str(folder / revoked)]
    return CliRunner().invoke(build(), ["verify-certificate", *files, *options], env={"DMP_VAR": str(folder)})


def test_a_genuine_certificate_is_one_line_and_the_code_zero(files: Path) -> None:
    result = verify(files)
    assert result.exit_code == 0, result.output
    assert result.output == (
        "genuine: Zoé INVENTÉE, born 1984-02-29; doses: 2025-03-01 03 = 60000001 = J07BD52; issued 2026-11-29 by "
        f"{CERTIFICATE_ISSUER}\n"
    )
    assert json.loads(verify(files, "--json").output)[0]["rid"] == RID


def test_a_revoked_changed_or_foreign_certificate_is_refused_with_the_code_one(files: Path) -> None:
    assert (verify(files, revoked="this").exit_code, verify(files, "--issuer", "https://else").exit_code) == (1, 1)
    assert "revoked" in str(verify(files, revoked="this").exception)
    text = a_card().text
    (files / "card").write_text(text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:])
    assert verify(files).exit_code == 1
    (files / "card").write_text("no card")
    assert verify(files).exit_code == 1
    assert verify(files / "missing").exit_code in (1, 2)


def test_without_the_list_of_its_key_a_certificate_is_not_called_genuine(files: Path) -> None:
    arguments = ["verify-certificate", str(files / "card"), "--keys", str(files / "keys")]
    assert CliRunner().invoke(build(), arguments, env={"DMP_VAR": str(files)}).exit_code == 1
