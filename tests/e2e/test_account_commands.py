"""The commands of `dmp` with which people open a record themselves and keep their account."""

import re
from pathlib import Path

import pytest

from deploy.local.demo import mailbox
from deploy.local.demo.client import Dmp
from deploy.local.demo.openings import COLUMNS
from deploy.local.demo.people import InventedPerson, invent
from deploy.local.platform.stack import Stack
from services.identity.kit.readable_codes import check_character
from tests.e2e.acting import set_scene
from tests.e2e.command_line import CommandResult, run_command
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long

CARD, PASSWORD, NEW_PASSWORD = "1234567890", "heron-saffron-42-lattice", "marble-orchid-77-lantern"
WRONG_CODE = "7K3M9QXT2WP" + check_character("7K3M9QXT2WP")
ACTIVATION_CODE = re.compile(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b")


async def insure(stack: Stack, folder: Path) -> InventedPerson:
    """Imports a new adult into the insured register."""
    person = invent()
    line = (
        *(person.ins, person.oid, person.birth_name, person.given_name, person.birth_date.isoformat()),
        *("2" if person.sex == "female" else "1", person.birth_place, "", "", "qualified", "01", "11", CARD),
        *(person.mail, "", "fr", person.name.upper(), "1 RUE INVENTEE", "99999 NULLEPART"),
    )
    file = folder / "register.csv"
    file.write_text(f"{COLUMNS}\n{';'.join(line)}\n", "utf-8")
    assert (await run_command(stack, "import", "insured", str(file), "--json")).json["rejected"] == 0
    return person


async def succeed(stack: Stack, *arguments: str) -> CommandResult:
    """Runs a command that must succeed."""
    done = await run_command(stack, *arguments)
    assert done.exit_code == 0, f"{arguments}: {done.stderr}"
    return done


async def test_a_person_opens_a_record_online_and_keeps_the_account(stack: Stack, tmp_path: Path) -> None:
    person = await insure(stack, tmp_path)
    account, secret = ("--identifier", person.mail), ("--password", PASSWORD)
    opened = await run_command(
        stack, "open-online", "--ins", person.ins, "--card", CARD, "--mail", person.mail, *account, *secret, "--json"
    )
    record = ("--record", opened.json["record_id"])
    await succeed(stack, "account", "sign-in", *account, *secret)
    [device] = (await run_command(stack, "devices", "list", *record, "--json")).json
    assert device["signed_in"]
    await succeed(stack, "devices", "sign-out", device["device_id"], *record)
    await succeed(stack, "account", "password", *record, *secret, "--new-password", NEW_PASSWORD)
    assert (await run_command(stack, "account", "sign-in", *account, *secret)).exit_code == 1
    await succeed(stack, "account", "reset-password", *account, "--new-password", PASSWORD)
    enrolled = await succeed(stack, "account", "authenticator", *record, *secret)
    assert "otpauth://totp/" in enrolled.stdout
    without_code = await run_command(stack, "account", "sign-in", *account, *secret)
    assert (without_code.exit_code, "--code" in without_code.stderr) == (2, True)
    await succeed(stack, "account", "second-factor", "mail", *record, *secret)
    unconfirmed = await run_command(stack, "account", "second-factor", "mail", *record)
    assert (unconfirmed.exit_code, "DMP_PASSWORD" in unconfirmed.stderr) == (2, True)
    closed = await run_command(stack, "close", record[1])
    assert (closed.exit_code, "password-needed" in closed.stderr) == (1, True)
    await succeed(stack, "close", record[1], *secret)


async def test_a_pharmacist_opens_a_record_and_the_person_activates_the_account(stack: Stack, tmp_path: Path) -> None:
    person = await insure(stack, tmp_path)
    stated = ("--ins", person.ins, "--card", CARD)
    refused = await run_command(stack, "open-assisted", *stated)
    assert (refused.exit_code, "--consented" in refused.stderr) == (2, True)
    opened = (await run_command(stack, "open-assisted", *stated, "--consented", "--json")).json

    async def code() -> str | None:
        mails = mailbox.caught_mails(stack.layout.mail, person.mail)
        return next((match[0] for mail in mails if (match := ACTIVATION_CODE.search(mail.text))), None)

    given = ("--ins", person.ins, "--code", await eventually(code), "--identifier", person.mail)
    activated = await run_command(stack, "account", "activate", *given, "--password", PASSWORD, "--json")
    assert activated.json == {"record_id": opened["record_id"]}
    moved = f"new-{person.mail}"
    record = ("--record", opened["record_id"])
    await succeed(stack, "account", "contact", *record, "--old", person.mail, "--mail", moved)


async def test_an_administrator_opens_the_record_of_a_represented_person(stack: Stack, dmp: Dmp) -> None:
    parent, child = await set_scene(stack, dmp), invent()
    named = ("--birth-name", child.birth_name, "--given-name", child.given_name, "--sex", child.sex)
    stated = ("--ins", child.ins, *named, "--birth-date", child.birth_date.isoformat())
    incomplete = await run_command(stack, "open-represented", *stated, "--by", parent.person.ins)
    assert incomplete.exit_code == 2
    proven = ("--by", parent.person.ins, "--evidence", "court-decision", "--reference", "75-1")
    opened = (await run_command(stack, "open-represented", *stated, *proven, "--json")).json
    assert opened["state"] == "validated"
    [acted_for] = (await run_command(stack, "acting-for", parent.record_id, "--json")).json
    assert acted_for["record_id"] == opened["record_id"]


async def test_a_wrong_code_objects_to_no_contact(stack: Stack, dmp: Dmp) -> None:
    person = (await set_scene(stack, dmp)).person
    refused = await run_command(stack, "account", "object-to-contact", "--ins", person.ins, "--code", WRONG_CODE)
    assert (refused.exit_code, "objection-code-wrong" in refused.stderr) == (1, True)
