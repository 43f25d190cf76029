"""`dmp summary`, `dmp sign-summary` and `dmp warnings` on running services, about a letter in codes."""

from pathlib import Path

import pytest

from deploy.local.demo.client import FHIR, Dmp
from deploy.local.demo.credentials import ATTENDING_DOCTOR, DOCTOR, HOSPITAL, PROFESSIONALS, STRUCTURES
from deploy.local.demo.letter import structured_letter
from deploy.local.platform.stack import Stack
from shared.fhir.cda_deposit import bundle_of_cda
from tests.e2e.acting import Scene, set_scene
from tests.e2e.command_line import CommandResult, run_command
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long
BEGINNINGS = {"html": b"<!doctype html>", "pdf": b"%PDF", "fhir": b'{"resourceType":"Bundle"', "cda": b"<?xml"}


def traits(scene: Scene) -> tuple[str, ...]:
    """The options that name the person of the scene."""
    person = scene.person
    return (
        *("--ins", person.ins, "--birth-name", person.birth_name, "--given-name", person.given_name),
        *("--birth-date", person.birth_date.isoformat(), "--sex", person.sex),
    )


async def lines(stack: Stack, scene: Scene, who: str = ATTENDING_DOCTOR) -> dict[str, tuple[str, str]]:
    """Returns id and state of the lines of the sheet, by the words of their code."""
    shown = (await run_command(stack, "summary", "--record", scene.record_id, "--as", who, "--json")).json
    codes = {line["id"]: line["fact"]["code"] for line in shown["lines"]}
    labels = {id: code.get("coding", {}).get("display", code.get("text")) for id, code in codes.items()}
    return {labels[line["id"]]: (line["id"], line["state"]) for line in shown["lines"]}


@pytest.fixture
async def scene(stack: Stack, dmp: Dmp) -> Scene:
    """A record with a médecin traitant and a letter whose facts are read."""
    scene = await set_scene(stack, dmp)
    content = structured_letter(scene.person, STRUCTURES[HOSPITAL], "cardiology")
    await scene.hospital.call("POST", "records", "/fhir", content=bundle_of_cda(content), headers=FHIR)
    record = ("--record", scene.record_id)
    for command in (("attending-doctor", PROFESSIONALS[ATTENDING_DOCTOR].id), ("authorise", PROFESSIONALS[DOCTOR].id)):
        assert (await run_command(stack, *command, *record)).exit_code == 0
    await eventually(lambda: lines(stack, scene))
    return scene


async def sign(stack: Stack, scene: Scene, *options: str, who: str = ATTENDING_DOCTOR) -> CommandResult:
    """Signs a version of the sheet."""
    doctor = ("--doctor", "TRESSARD:Ombeline")
    return await run_command(
        stack, "sign-summary", "--record", scene.record_id, "--as", who, *doctor, *traits(scene), *options
    )


async def test_a_doctor_confirms_rejects_and_states_lines_that_stay_signed(
    stack: Stack, scene: Scene, tmp_path: Path
) -> None:
    proposed = await lines(stack, scene)
    assert {state for _, state in proposed.values()} == {"proposed"}
    allergy, treatment = proposed["Amoxicilline"][0], proposed["Warfarine"][0]
    version = tmp_path / "version.xml"
    unasked = await sign(stack, scene, "--confirm", allergy, "-o", str(version))
    assert (unasked.exit_code, "confirm with --yes" in unasked.stderr) == (2, True), unasked.stderr
    assert (b"<ClinicalDocument" in version.read_bytes(), allergy in unasked.stdout) == (True, True)
    assert {state for _, state in (await lines(stack, scene)).values()} == {"proposed"}
    first = await sign(stack, scene, "--confirm", allergy, "--state", "problems:Asthme d’effort:2011", "--yes")
    assert first.exit_code == 0, first.stderr
    second = await sign(stack, scene, "--reject", f"{treatment}=stopped in 2025", "--yes", "--json")
    assert second.json["status"] == "published"
    assert {label: state for label, (_, state) in (await lines(stack, scene, DOCTOR)).items()} == {
        "Amoxicilline": "confirmed",
        "Warfarine": "rejected",
        "Asthme d’effort": "confirmed",
        "Fibrillation et flutter auriculaires, sans précision": "proposed",
    }
    shown = (await run_command(stack, "summary", "--record", scene.record_id, "--as", DOCTOR)).stdout
    assert "Confirmed by Dr Ombeline TRESSARD" in shown
    assert "stopped in 2025" in shown
    refused = await sign(stack, scene, "--confirm", allergy, "--yes", who=DOCTOR)
    assert (refused.exit_code, "403 forbidden" in refused.stderr) == (1, True), refused.stderr


async def test_a_sheet_is_written_to_files_that_may_name_the_person(stack: Stack, scene: Scene, tmp_path: Path) -> None:
    for form, beginning in BEGINNINGS.items():
        file, record = tmp_path / f"sheet.{form}", ("--record", scene.record_id)
        written = await run_command(stack, "summary", *record, "--format", form, "-o", str(file))
        assert (written.exit_code, written.stdout) == (0, ""), written.stderr
        assert file.read_bytes().startswith(beginning)
        assert scene.person.birth_name.encode() not in file.read_bytes()
    file = tmp_path / "named.html"
    options = ("--format", "html", "-o", str(file), "--language", "fr", *traits(scene))
    written = await run_command(stack, "summary", "--record", scene.record_id, *options)
    assert written.exit_code == 0, written.stderr
    assert scene.person.birth_name in file.read_text("utf-8")
    assert "Synthèse médicale" in file.read_text("utf-8")


async def test_a_patient_reads_in_words_which_warnings_a_doctor_acknowledged(stack: Stack, scene: Scene) -> None:
    prescribed = ("warnings", "--record", scene.record_id, "--medicine", "ATC=J01CA04:Amoxicilline 500 mg")
    warned = (await run_command(stack, *prescribed, "--as", ATTENDING_DOCTOR)).stdout
    assert "Amoxicilline 500 mg contains this substance" in warned
    reason = "Tolerated under supervision"
    done = await run_command(stack, *prescribed, "--as", ATTENDING_DOCTOR, "--acknowledge", reason)
    assert (done.exit_code, reason in done.stdout) == (0, True), done.stderr
    read = (await run_command(stack, "warnings", "--record", scene.record_id)).stdout
    for words in ("Amoxicilline 500 mg was prescribed to you", "Do not stop or change your treatment", reason):
        assert words in read
    refused = await run_command(stack, *prescribed)
    assert (refused.exit_code, "not-a-professional" in refused.stderr) == (1, True), refused.stderr
