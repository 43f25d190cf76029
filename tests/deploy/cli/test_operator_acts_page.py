"""The page lists what operators do: every act of the ledger, and the commands that do it."""

import re
from typing import get_args

from deploy.cli.operator_commands import OPERATOR_COMMANDS
from shared.contracts.audit import OperatorAction
from shared.service.process import COMMANDS, PROCESSES
from tests.infra.platform.paths import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
SECTION = PAGE.partition("## What operators do, and the ledger")[2].partition("\n## ")[0]
LOOKS = {"status", "topics", "dlt list", "dlt show", "offsets list", "refused list", "lost-deposits"}
WITHOUT_EFFECT = {"dlt list", "dlt show", "offsets list", "refused list", "keys new", "keys status"}


def column(number: int) -> set[str]:
    """Returns the first code of each row's cell."""
    rows = [line.strip("|").split("|") for line in SECTION.splitlines() if line.startswith("| ")][1:]
    return {found[1] for row in rows if (found := re.search(r"`([^`]+)`", row[number])) is not None}


def test_every_entry_of_an_operator_stands_in_the_table() -> None:
    assert column(3) == set(get_args(OperatorAction))


def test_every_act_of_the_client_stands_in_the_table() -> None:
    assert column(1) == set(OPERATOR_COMMANDS) - LOOKS


def test_every_command_of_a_service_is_entered_or_the_page_says_that_it_is_not() -> None:
    without_entry = set(re.findall(r"`([^`]+)`", SECTION.partition("No entry is written by")[2]))
    commands = {command.name for command in COMMANDS} - {process.name for process in PROCESSES} - WITHOUT_EFFECT
    assert commands - column(2) == without_entry & commands
