"""The commands of `dmp` for patients, the people around them and professionals, on running services."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import DOCTOR, HOSPITAL, PROFESSIONALS, SECOND_DOCTOR, STRUCTURES
from deploy.local.demo.letter import letter
from deploy.local.demo.submission import StatedMetadata, bundle_of
from deploy.local.platform.stack import Stack
from tests.e2e.acting import Scene, set_scene
from tests.e2e.command_line import CommandResult, run_command, start_command
from tests.infra.platform.waiting import DEADLINE_S, eventually

DOCTOR_ID, DOCTOR_NAME = PROFESSIONALS[DOCTOR].id, PROFESSIONALS[DOCTOR].name
HOSPITAL_ID = STRUCTURES[HOSPITAL].id
MOTIVE = "Unconscious on the public highway"


async def test_a_patient_closes_and_reopens_a_record(stack: Stack, dmp: Dmp) -> None:
    record = (await set_scene(stack, dmp)).record_id
    closed = (await run_command(stack, "close", record, "--json")).json
    assert (closed["state"], closed["status"]) == ("closed", "in-force")
    assert (await run_command(stack, "record", record, "--json")).json["state"] == "closed"
    assert (await run_command(stack, "reopen", record, "--json")).json["state"] == "open"


async def test_a_doctor_breaks_the_glass_and_the_patient_reads_why(stack: Stack, dmp: Dmp, tmp_path: Path) -> None:
    scene = await set_scene(stack, dmp)
    await scene.done(await scene.deposit())
    stated = ("--ins", scene.person.ins, "--as", SECOND_DOCTOR, "--motive", MOTIVE)
    [document] = (await run_command(stack, "break-glass", *stated, "--json")).json
    file = tmp_path / "letter.xml"
    read = await run_command(stack, "break-glass", document["id"], *stated, "-o", str(file))
    assert read.exit_code == 0, read.stderr
    assert b"ClinicalDocument" in file.read_bytes()

    async def is_listed() -> bool:
        shown = await run_command(stack, "my-emergencies", "--record", scene.record_id)
        return MOTIVE in shown.stdout and PROFESSIONALS[SECOND_DOCTOR].name in shown.stdout

    await eventually(is_listed)
    assert "11490-0 Lettre de liaison" in (await run_command(stack, "documents", "--record", scene.record_id)).stdout


@pytest.mark.long
async def test_a_hospital_mends_a_refused_deposit_and_sends_it_again(stack: Stack, dmp: Dmp, tmp_path: Path) -> None:
    scene = await set_scene(stack, dmp)
    file = tmp_path / "letter.json"
    submission = bundle_of(_written(tmp_path, scene), StatedMetadata())
    name = f'"family":"{scene.person.birth_name}"'.encode()
    assert name in submission
    file.write_bytes(submission.replace(name, b'"family":"AUTRE"'))
    refused = await run_command(stack, "deposit", str(file), "--json")
    assert (refused.exit_code, json.loads(refused.stdout)[0]["reason"]) == (1, "traits-mismatch")
    summary = await run_command(stack, "quarantine", "list", "--language", "fr")
    assert "téléservice INSi" in summary.stdout
    [kept] = (await run_command(stack, "quarantine", "list", "--cause", "traits-mismatch", "--json")).json
    shown = await run_command(stack, "quarantine", "show", kept["id"])
    assert "AUTRE" in shown.stdout, shown.stderr
    again = await run_command(stack, "quarantine", "resend", kept["id"])
    assert again.exit_code == 1
    name_set = ("--set", f"birth_name={scene.person.birth_name}")
    corrected = await run_command(stack, "quarantine", "correct", kept["id"], *name_set)
    assert corrected.exit_code == 0, corrected.stderr
    sent = await run_command(stack, "quarantine", "resend", "--cause", "traits-mismatch")
    assert (sent.exit_code, "accepted" in sent.stderr) == (0, True), sent.stderr
    assert (await run_command(stack, "quarantine", "list", "--all", "--json")).json == []
    assert (await run_command(stack, "quarantine", "drop")).exit_code == 2


def _written(folder: Path, scene: Scene) -> Path:
    """Returns the file of a letter about the patient."""
    file = folder / "letter.xml"
    file.write_bytes(letter(scene.person, STRUCTURES[HOSPITAL]))
    return file


async def test_ctrl_c_says_which_deposit_was_accepted_and_how_to_follow_it(
    stack: Stack, dmp: Dmp, tmp_path: Path
) -> None:
    scene = await set_scene(stack, dmp)
    file = tmp_path / "letter.xml"
    file.write_bytes(letter(scene.person, STRUCTURES[HOSPITAL]))
    await stack.stop("consent-worker")  # so that the deposit is accepted and waits for its check
    try:
        child = await start_command(stack, "deposit", str(file), "--wait", "--timeout", "600")
        assert child.stderr is not None
        async with asyncio.timeout(DEADLINE_S):
            accepted = (await child.stderr.readline()).decode()
            child.send_signal(signal.SIGINT)
            said = (await child.stderr.read()).decode()
            assert await child.wait() == 130
    finally:
        await stack.start_again("consent-worker")
    assert accepted.startswith("letter.xml: accepted as deposit ")
    deposit_id = accepted.split()[-1]
    assert f"interrupted: letter.xml is accepted as deposit {deposit_id}" in said
    assert f"`dmp track {deposit_id}`" in said
    assert "Traceback" not in said
    assert (await run_command(stack, "track", deposit_id, "--json")).json["deposit_id"] == deposit_id
    assert deposit_id in {each["deposit_id"] for each in (await run_command(stack, "deposits", "--json")).json}


@pytest.mark.long
async def test_names_stand_beside_the_numbers_of_a_patients_choices(stack: Stack, dmp: Dmp) -> None:
    record = (await set_scene(stack, dmp)).record_id
    for command in (
        ("authorise", DOCTOR_ID, "--until", "2090-01-01"),
        ("attending-doctor", DOCTOR_ID),
        ("object-to-deposits", HOSPITAL_ID),
        ("hide-section", "BIOLOGIE"),
        ("mask-new",),
        ("application", "some-app", "--section", "REMB"),
    ):
        changed = await run_command(stack, *command, "--record", record)
        assert changed.exit_code == 0, f"{command}: {changed.stderr}"
    shown = (await run_command(stack, "choices", "--record", record)).stdout
    for words in (
        f"{DOCTOR_ID} {DOCTOR_NAME}, online, until 2090-01-01",
        f"attending doctors                    {DOCTOR_ID} {DOCTOR_NAME}",
        f"{HOSPITAL_ID} {STRUCTURES[HOSPITAL].name}",
        "BIOLOGIE",
        "application some-app",
    ):
        assert words in shown, shown
    history = (await run_command(stack, "choices-history", "--record", record)).stdout
    assert f"name-attending-doctor    {DOCTOR_ID} {DOCTOR_NAME}" in history
    assert (await run_command(stack, "choices", "--record", record, "--version", "1", "--json")).json["version"] == 1
    by_doctor = await run_command(stack, "block", PROFESSIONALS[SECOND_DOCTOR].id, "--record", record, "--as", DOCTOR)
    assert by_doctor.exit_code == 0, by_doctor.stderr
    assert (await run_command(stack, "attending-doctor", DOCTOR_ID, "--record", record, "--end")).exit_code == 0


@pytest.mark.long
async def test_a_hospital_attests_its_care_team_and_the_patient_ends_that(stack: Stack, dmp: Dmp) -> None:
    scene = await set_scene(stack, dmp)
    record = ("--record", scene.record_id)
    checked = ("check-record", "--ins", scene.person.ins, "--as", DOCTOR)
    assert "NON_EXISTE" in (await run_command(stack, *checked)).stdout
    assert "in-force" in (await run_command(stack, "attest", HOSPITAL_ID, *record)).stdout
    for option in (("--end-attestation", HOSPITAL_ID), ("--permit-attestation", HOSPITAL_ID), ("--object",)):
        done = await run_command(stack, "care-team", *record, *option)
        assert done.exit_code == 0, done.stderr
    refused = await run_command(stack, "attest", HOSPITAL_ID, *record)
    assert refused.exit_code == 1
    nobody = await run_command(stack, "check-record", "--ins", "255069999999934", "--as", DOCTOR)
    assert (nobody.exit_code, nobody.stderr) == (1, "this person has no record\n")


@pytest.mark.long
async def test_a_representative_acts_for_a_patient_until_an_administrator_ends_it(stack: Stack, dmp: Dmp) -> None:
    patient, other = await set_scene(stack, dmp), await set_scene(stack, dmp)
    record, acting = ("--record", patient.record_id), f"patient:{other.record_id}:{patient.record_id}"
    evidence = ("--evidence", "court-decision", "--reference", "75-1")
    add = ("representatives", "add", *record, "--ins", other.person.ins, *evidence)
    first = (await run_command(stack, *add, "--json")).json
    assert first["state"] == "validated"
    [listed] = (await run_command(stack, "representatives", "list", *record, "--json")).json
    assert listed["name"] == f"{other.person.given_name} {other.person.birth_name}"
    [acted_for] = (await run_command(stack, "acting-for", other.record_id, "--json")).json
    assert (acted_for["record_id"], acted_for["relation"]) == (patient.record_id, "representative")

    async def can_act() -> bool:
        return (await run_command(stack, "choices", *record, "--as", acting)).exit_code == 0

    await eventually(can_act)
    third = await set_scene(stack, dmp)
    add = ("representatives", "add", *record, "--ins", third.person.ins, *evidence)
    waiting = (await run_command(stack, *add, "--json")).json
    assert waiting["state"] == "waiting"
    answer = ("representatives", "answer", waiting["representation_id"], "refused", *record, "--as", acting)
    assert (await run_command(stack, *answer, "--json")).json["state"] == "refused"
    end = ("representatives", "end", first["representation_id"], *record, "--json")
    assert (await run_command(stack, *end)).json["state"] == "ended"
    assert (await run_command(stack, "acting-for", other.record_id, "--json")).json == []


@pytest.mark.long
async def test_a_carer_is_invited_accepts_and_leaves(stack: Stack, dmp: Dmp) -> None:
    patient, carer = await set_scene(stack, dmp), await set_scene(stack, dmp)
    record = ("--record", patient.record_id)
    invite = ("carers", "invite", *record, *_named(carer))
    invited = (await run_command(stack, *invite, "--json")).json
    [invitation] = (await run_command(stack, "carers", "invitations", "--record", carer.record_id, "--json")).json
    assert invitation["care_id"] == invited["care_id"]
    answer = ("carers", "answer", "accepted", "--record", carer.record_id, "--care", invited["care_id"], "--json")
    assert (await run_command(stack, *answer)).json["state"] == "accepted"
    [listed] = (await run_command(stack, "carers", "list", *record, "--json")).json
    assert listed["state"] == "accepted"
    end = await run_command(stack, "carers", "end", invited["care_id"], *record, "--json")
    assert end.json["state"] == "ended"


@pytest.mark.long
async def test_a_patient_keeps_people_to_call_and_devices(stack: Stack, dmp: Dmp) -> None:
    record = ("--record", (await set_scene(stack, dmp)).record_id)
    people = ("--person", "trusted:Zélie Valtonne:0639980001:sister", "--person", "help:Ambroise:0639980002:neighbour")
    assert (await run_command(stack, "people-to-call", "set", *record, *people)).exit_code == 0
    shown = (await run_command(stack, "people-to-call", "show", *record, "--json")).json["people"]
    assert [person["role"] for person in shown] == ["trusted", "help"]
    assert (await run_command(stack, "people-to-call", "set", *record, "--clear", "--json")).json == {"people": []}
    assert (await run_command(stack, "devices", "list", *record, "--json")).json == []
    assert (await run_command(stack, "devices", "sign-out", *record, "--all")).exit_code == 0


async def test_a_patient_keeps_a_personal_space(stack: Stack, dmp: Dmp) -> None:
    record = ("--record", (await set_scene(stack, dmp)).record_id)
    states = ("--state", "allergy:Amoxicilline:2011", "--state", "disease:Asthme")
    stated = (await run_command(stack, "statements", "put", "health-profile", *record, *states, "--json")).json
    assert stated["status"] == "published"
    added = (await run_command(stack, "measures", "add", "WEIGHT", "724", *record)).exit_code
    assert added == 1, "it is refused"
    entered = (await run_command(stack, "measures", "add", "WEIGHT", "74.2", *record, "--json")).json
    corrected = await run_command(stack, "measures", "correct", entered["measure_id"], "72.4", *record)
    assert corrected.exit_code == 0, corrected.stderr
    pressure = await run_command(stack, "measures", "add", "BLOOD_PRESSURE", "131/82", *record)
    assert pressure.exit_code == 0, pressure.stderr
    space = (await run_command(stack, "personal-space", *record, "--json")).json
    assert [statement["text"] for statement in space["statements"][0]["statements"]] == ["Amoxicilline", "Asthme"]
    assert [document["type"] for document in space["documents"]] == ["DOCPAT08"]
    assert {trend["code"]: trend["last"]["value"] for trend in space["trends"]} == {
        "WEIGHT": 72.4,
        "SYSTOLIC_BLOOD_PRESSURE": 131,
        "DIASTOLIC_BLOOD_PRESSURE": 82,
    }
    shown = await run_command(stack, "personal-space", *record)
    assert ("Amoxicilline" in shown.stdout, "Body weight" in shown.stdout) == (True, True)
    assert (await run_command(stack, "measures", "delete", entered["measure_id"], *record)).exit_code == 0
    listed = (await run_command(stack, "measures", "list", *record, "--json")).json["measures"]
    assert [measure["code"] for measure in listed] == ["BLOOD_PRESSURE"]


@pytest.mark.long
async def test_an_administrator_records_a_death_and_erases_only_when_it_is_confirmed(stack: Stack, dmp: Dmp) -> None:
    record = (await set_scene(stack, dmp)).record_id
    assert (await run_command(stack, "death", record, "--json")).json["state"] == "closed"
    assert (await run_command(stack, "reopen", record)).exit_code == 1
    assert (await run_command(stack, "reopen", record, "--as", "administrator", "--json")).json["state"] == "open"
    unconfirmed = await run_command(stack, "erase", record)
    assert unconfirmed.exit_code == 2
    assert "confirm with --yes" in unconfirmed.stderr
    assert (await run_command(stack, "record", record, "--json")).json["state"] == "open"
    assert (await run_command(stack, "erase", record, "--yes", "--json")).json["missing"] == []


@pytest.mark.long
async def test_a_person_who_wants_no_record_says_so_and_changes_their_mind(stack: Stack, dmp: Dmp) -> None:
    person = (await set_scene(stack, dmp)).person
    named = ("--birth-name", person.birth_name, "--given-name", person.given_name, "--sex", person.sex)
    stated = ("--ins", person.ins, *named, "--birth-date", person.birth_date.isoformat(), "--json")
    assert (await run_command(stack, "object-to-opening", *stated)).json["state"] == "closed"
    withdrawn: CommandResult = await run_command(stack, "object-to-opening", *stated, "--withdraw")
    assert json.loads(withdrawn.stdout)["state"] in ("open", "closed")


@pytest.mark.long
async def test_a_campaign_for_everybody_and_an_empty_replay_are_not_begun(stack: Stack) -> None:
    refused = await run_command(stack, "campaign", "create")
    assert refused.exit_code == 2
    assert "every insured person" in refused.stderr
    listed: list[Any] = (await run_command(stack, "campaign", "list", "--json")).json
    assert not [campaign for campaign in listed if not campaign.get("regions")]
    empty = await run_command(stack, "replay", "--from", "2026-11-02", "--to", "2026-11-02")
    assert (empty.exit_code, empty.stdout) == (2, "")


def _named(scene: Scene) -> tuple[str, ...]:
    person = scene.person
    return (
        *("--ins", person.ins, "--birth-name", person.birth_name, "--given-name", person.given_name),
        *("--birth-date", person.birth_date.isoformat()),
    )
