"""What an installation says of its edge is checked before Envoy reads it, and the page's example works."""

import asyncio
import re
import ssl
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from deploy.edge.__main__ import main, write
from deploy.edge.program import installed_envoy
from deploy.edge.routes import pages
from deploy.edge.settings import EdgeSettings
from deploy.edge.signer import forwarded_certificate
from deploy.edge.signer import main as sign
from deploy.local.platform.pki import new_pki
from shared.contracts.page_paths import PAGE_PATHS, PagePath
from tests.infra.edge.running_edge import ROOT
from tests.infra.identity.professionals import DOCTOR

PAGE = (ROOT / "docs" / "edge.md").read_text("utf-8")
[EXAMPLE] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def example(**changes: Any) -> dict[str, Any]:
    return {**tomllib.loads(EXAMPLE), **changes}


@pytest.mark.long
async def test_envoy_takes_the_example_of_the_page(tmp_path: Path) -> None:
    program = installed_envoy()
    if program is None:
        pytest.skip("Envoy is not installed: `python -m deploy.edge.program` installs it")
    file = write(EdgeSettings.model_validate(example()), tmp_path)
    process = await asyncio.create_subprocess_exec(program, "--mode", "validate", "-c", file, "--log-level", "error")
    assert await asyncio.wait_for(process.wait(), 60) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"service_authorities": None}, "service_authorities is needed"),
        ({"signer": "10.0.0.1:9902"}, "listens on the loopback alone"),
        (
            {"services": dict.fromkeys(("identity", "records", "consent", "audit", "other"), "127.0.0.1:1")},
            "are needed",
        ),
        ({"services": {"identity": "127.0.0.1:1"}}, "at least 5"),
        ({"limits": {"head_kib": 64}}, "less than or equal to 15"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_settings_that_leave_something_open_are_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        EdgeSettings.model_validate(example(**changes))


def test_wrong_settings_end_the_command_with_a_line_and_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "edge.toml").write_text(EXAMPLE)
    assert main([str(file), str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "envoy.json")
    file.write_text(EXAMPLE.replace("domain =", "dmain ="))
    assert main([str(file), str(tmp_path)]) == 78
    assert "domain: Field required" in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere"), str(tmp_path)]) == 78
    assert main([]) == 2


@pytest.mark.parametrize(
    ("arguments", "keys", "code"),
    [
        ([], "", 2),
        (["127.0.0.1:x"], "", 2),
        (["socket"], "", 2),
        (["0.0.0.0:9902"], "", 78),
        (["127.0.0.1:9902"], None, 78),
        (["127.0.0.1:9902"], "no ring", 78),
    ],
)
def test_the_signer_does_not_start_for_others_than_this_machine_or_without_keys(
    arguments: list[str], keys: str | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if keys is not None:
        monkeypatch.setenv("EDGE_KEYS", keys)
    assert sign(arguments) == code


def test_the_signer_takes_one_certificate_as_envoy_writes_it_and_nothing_else() -> None:
    issued = new_pki().card(DOCTOR.id)
    written = f'Cert="{quote(ssl.DER_cert_to_PEM_cert(issued.der), safe="")}"'
    assert forwarded_certificate([written]) == issued.der
    assert forwarded_certificate([f"Hash=00;{written};URI=x"]) == issued.der
    for wrong in ([], [""], [written, written], [f"{written},{written}"], [f"X{written}"], ['Cert="x"'], ["Cert=x"]):
        assert forwarded_certificate(wrong) is None


@pytest.mark.parametrize("page", [page for page in PAGE_PATHS if page.role == "api"], ids=lambda page: page.path)
def test_the_edge_leads_each_page_to_the_service_that_declares_it(page: PagePath) -> None:
    host = pages(EdgeSettings.model_validate(example()))
    path = "/" + "/".join("1" if part.startswith("{") else part for part in page.segments)
    below = [] if page.is_exact else [f"{path}/x"]
    for asked in (path, *below):
        clusters = [route["route"]["cluster"] for route in host["routes"] if _matches(route["match"], asked)]
        assert clusters[0] == page.service, asked


def _matches(match: dict[str, Any], path: str) -> bool:
    """Returns whether Envoy's match takes a request of that path without a body."""
    if "headers" in match:
        return False
    if "safe_regex" in match:
        return re.fullmatch(match["safe_regex"]["regex"], path) is not None
    prefix = match.get("path_separated_prefix")
    return path == match.get("path") if prefix is None else path == prefix or path.startswith(f"{prefix}/")
