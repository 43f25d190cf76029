"""The catalogue of commands: the help shows it without importing what the commands need."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.main import get_group
from typer.testing import CliRunner

from deploy.local.__main__ import build
from deploy.local.cli.catalogue import COMMANDS, RETIRED
from deploy.local.cli.lazy import MODULES, load

ROOT = Path(__file__).parents[4]
OF_TYPER = {"typer", "rich", "markdown_it", "mdurl", "pygments", "shellingham", "annotated_doc", "attr"}
OWN = {"deploy.local", "deploy.local.cli", "deploy.local.cli.catalogue", "deploy.local.cli.lazy"}
OWN |= {"deploy", "deploy.cli", "deploy.cli.errors", "deploy.local.__main__", "deploy.local.platform"}
OWN |= {"deploy.local.platform.errors"}
MOST_MODULES = 450
WITHOUT_COMMAND = {
    "/oauth/token": "the client asks for it when a command calls a service",
    "/.well-known/jwks.json": "read by services",
    "/.well-known/oauth-authorization-server": "read by software",
    "/token/refresh": "a command signs in anew",
    "/account/paper-codes": "a page shows them once, to print",
    "/professionals/callback": "a browser returns from Pro Santé Connect",
    "/professionals/card": "needs a professional's card in a reader",
    "/presence-proofs": "needs a patient's card in a reader",
    "/fhir/metadata": "read by software",
    "/fhir/List/{id}": "the deposit of `dmp track`, in FHIR",
    "/fhir/ExplanationOfBenefit": "the history of a record, in FHIR; software reads it",
    "/fhir/Observation": "the measures of `dmp measures`, in FHIR",
    "/fhir/Observation/{id}": "the measures of `dmp measures`, in FHIR",
    "/fhir/Consent": "the authorisations of `dmp authorise`, in FHIR",
    "/fhir/Consent/{id}": "the authorisations of `dmp authorise`, in FHIR",
}
"""The routes that no command reaches, and why."""
LIST_MODULES = """
import sys
from deploy.local.__main__ import main
try:
    main()
except SystemExit:
    print(*sys.modules, file=sys.stderr)
"""


def imported_by(*arguments: str) -> set[str]:
    """Returns the names of the modules that a process with these arguments has imported in the end."""
    command = [sys.executable, "-c", LIST_MODULES, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "Usage" in done.stdout
    return set(done.stderr.split())


def test_the_help_imports_the_catalogue_and_the_library_of_the_command_line_alone() -> None:
    modules = imported_by("--help")
    assert {name for name in modules if name.split(".")[0] in ("deploy", "services", "shared")} == OWN
    foreign = {name.split(".")[0] for name in modules} - set(sys.stdlib_module_names) - {"deploy"}
    assert {name for name in foreign if not name.startswith("_")} <= OF_TYPER | {"sitecustomize"}
    assert len(modules) < MOST_MODULES


@pytest.mark.parametrize("command", ["choices", "deposit", "get", "close", "campaign"])
def test_the_help_of_a_command_does_not_import_what_its_work_needs(command: str) -> None:
    modules = imported_by(command, "--help")
    assert not modules & {"httpx2", "joserfc", "asyncpg", "fastapi", "aiokafka", "confluent_kafka", "prometheus_client"}
    assert not [name for name in modules if name.startswith("services.")]


def test_every_module_of_the_catalogue_has_exactly_the_commands_that_the_catalogue_says() -> None:
    assert len(MODULES) == len(COMMANDS)
    for module in sorted(set(MODULES.values())):
        part = typer.Typer()
        part.callback()(lambda: None)
        import_module(f"deploy.local.cli.{module}").register(part)
        declared = {command.name for command in COMMANDS if command.module == module}
        assert set(get_group(part).commands) == declared, module


def test_every_module_with_commands_is_in_the_catalogue() -> None:
    folder = ROOT / "deploy" / "local" / "cli"
    registering = {
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if "def register(app: typer.Typer)" in path.read_text("utf-8")
    }
    assert registering == set(MODULES.values())


def runnable() -> Iterator[tuple[str, ...]]:
    """Yields the words of every command, those in groups included."""
    for name in MODULES:
        command: Any = load(name)
        if sub_commands := getattr(command, "commands", None):
            yield from ((name, sub_name) for sub_name in sub_commands)
        else:
            yield (name,)


@pytest.mark.parametrize("words", list(runnable()), ids=" ".join)
def test_every_command_explains_itself_with_its_exit_codes_and_an_example(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(build(), [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    # The two of `mails` share the explanation of the list.
    explained = CliRunner().invoke(build(), ["mails", "--help"]).output if words[0] == "mails" else result.output
    assert "Exit codes" in explained
    assert "Example" in explained


def test_every_route_of_the_services_has_a_command_or_a_reason_to_have_none() -> None:
    folders = (ROOT / "deploy" / "local" / "cli", ROOT / "deploy" / "local" / "ingest")
    sources = "".join(path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py"))
    paths = {
        path
        for document in (ROOT / "docs").glob("openapi-*.yaml")
        for path in yaml.safe_load(document.read_text("utf-8"))["paths"]
    }
    last_words = {path: [word for word in path.split("/") if word and "{" not in word][-1] for path in paths}
    unreached = {path for path, word in last_words.items() if not re.search(rf"[/\"]{re.escape(word)}[/\"?]", sources)}
    assert unreached <= set(WITHOUT_COMMAND)


def test_the_help_shows_every_command_in_a_group_with_a_sentence() -> None:
    output = CliRunner().invoke(build(), ["--help"], env={"COLUMNS": "200"}).output
    for command in COMMANDS:
        assert f"│ {command.name} " in output
        assert f"─ {command.panel} ─" in output
        assert command.summary.endswith(".")
    for name in RETIRED:
        assert f"│ {name} " not in output


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(build(), ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"dmp {version('dmp')}\n")


def test_the_error_about_a_mistyped_command_names_its_neighbours() -> None:
    result = CliRunner().invoke(build(), ["document"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "'documents'" in result.output
