"""Acts of people whose records stay: documents, refused deposits, an emergency, relatives, failed sign-ins."""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from deploy.local.demo.client import FHIR, Dmp, RefusedError, Session, send
from deploy.local.demo.credentials import ADMINISTRATOR, HOSPITAL, PROFESSIONALS, SECOND_DOCTOR, STRUCTURES, session_of
from deploy.local.demo.laboratory import report_message
from deploy.local.demo.letter import letter
from deploy.local.demo.rights import MOTIVE
from deploy.local.platform import endpoints
from deploy.local.platform.mllp import send_message
from deploy.local.platform.stack import Stack
from shared.fhir.cda_deposit import bundle_of_cda
from tests.e2e.acting import Scene, set_scene

WRONG_NAME, TITLE, CONTENT = "MIRAMBEAU", "Mes allergies alimentaires", "Arachides et fruits à coque, choc en 2019"
EMERGENCY = "Coma au domicile, glycémie effondrée"
TRUSTED, TELEPHONE, KINSHIP = "Théodorine Quartzevin", "0639987410", "belle-sœur maternelle"
INTERNATIONAL = "+33639987410"
CARER, NEW_MAIL, IDENTIFIER = "aidante.quartzevin@mail.example", "nouvelle.adresse@mail.example", "inconnu@mail.example"
EVIDENCE = "jugement-2026-quartzevin"
Note = Callable[[str], None]


async def act_as_people(stack: Stack, dmp: Dmp, note: Note) -> set[str]:
    """Does all these things. Notes what services answered to refused ones, and returns the texts that people gave."""
    scene, other = await set_scene(stack, dmp), await set_scene(stack, dmp)
    await scene.done(await scene.deposit())
    await _own_document(scene)
    await _emergency(scene)
    await _relatives(scene, other)
    await _refused_deposits(scene, note)
    await _refused_requests(scene, note)
    given = {WRONG_NAME, TITLE, CONTENT, EMERGENCY, MOTIVE, TRUSTED, TELEPHONE, INTERNATIONAL, KINSHIP, EVIDENCE}
    given |= {CARER, NEW_MAIL, IDENTIFIER, "1 RUE INVENTEE", "PARACÉTAMOL INVENTÉ", "HÉMOGRAMME", "VACCIN INVENTÉ"}
    for person in (scene.person, other.person):
        given |= {person.ins, person.ins[:13], person.name, person.mail}
    return given


async def _own_document(scene: Scene) -> None:
    content = base64.b64encode(CONTENT.encode()).decode()
    body = {"title": TITLE, "type": "EXPPAT_1", "content_type": "text/plain", "content": content}
    path = f"/records/{scene.record_id}/documents/{uuid4()}"
    await scene.holder.call("PUT", "records", path, json=body, headers={"prefer": "wait=10"})


async def _emergency(scene: Scene) -> None:
    doctor = PROFESSIONALS[SECOND_DOCTOR]
    emergency = scene.dmp.professional(doctor.id, mode="bris_de_glace", motive=EMERGENCY, patient=scene.person.patient)
    query = {"patient": scene.record_id, "status": "current"}
    await emergency.call("POST", "records", "/fhir/DocumentReference/_search", data=query)


async def _relatives(scene: Scene, other: Scene) -> None:
    people = [{"role": "trusted", "name": TRUSTED, "phone": TELEPHONE, "relation": KINSHIP}]
    identity = f"/records/{scene.record_id}"
    await scene.holder.call("PUT", "identity", f"{identity}/people-to-call", json={"people": people})
    await scene.holder.call("POST", "identity", f"{identity}/invitations", json={"mail": CARER, "language": "fr"})
    administrator = session_of(scene.dmp, endpoints.read(scene.stack.layout)["credentials"], ADMINISTRATOR)
    body = {
        "representative": {"value": other.person.ins, "oid": other.person.oid},
        "evidence": {"kind": "court-decision", "reference": EVIDENCE},
    }
    await administrator.call("POST", "identity", f"{identity}/representatives", json=body)


async def _refused_deposits(scene: Scene, note: Note) -> None:
    """They lie in quarantine, with all that they say."""
    wrong = replace(scene.person, birth_name=WRONG_NAME)
    hospital = STRUCTURES[HOSPITAL]
    body = bundle_of_cda(letter(wrong, hospital))
    await _refused(note, scene.hospital, "records", "/fhir", content=body, headers=FHIR)
    mllp = endpoints.read(scene.stack.layout)["mllp"]
    message = report_message(wrong, hospital, uuid4().hex[:20], datetime.now(UTC))
    answer = await send_message(mllp["host"], mllp["port"], message)
    assert not answer.is_accepted
    note(" ".join(answer.errors))


async def _refused_requests(scene: Scene, note: Note) -> None:
    opening = scene.person.opening()
    wrong = opening | {"traits": {**opening["traits"], "birth_name": WRONG_NAME}}  # type: ignore[dict-item]
    await _refused(note, scene.hospital, "identity", "/records", json=wrong)
    await _refused(note, scene.hospital, "identity", "/records", json={"ins": scene.person.ins})
    await _refused(note, scene.hospital, "records", "/fhir", json=opening)
    query = {"identifier": f"urn:oid:{scene.person.oid}|{scene.person.ins}"}
    await scene.hospital.call("GET", "records", "/fhir/Patient", params=query)
    try:
        sign_in = {"identifier": IDENTIFIER, "password": CONTENT}
        await send(scene.dmp.http, scene.dmp.urls, "POST", "identity", "/sign-in", json=sign_in)
    except RefusedError as error:
        note(f"{error.code} {error.detail}")
    await _try(note, scene.holder, "identity", "/account/contact-changes", json={"mail": NEW_MAIL})


async def _refused(note: Note, session: Session, service: str, path: str, **request: object) -> None:
    assert not await _try(note, session, service, path, **request), path


async def _try(note: Note, session: Session, service: str, path: str, **request: object) -> bool:
    try:
        await session.call("POST", service, path, **request)  # type: ignore[arg-type]  # what httpx takes
    except RefusedError as error:
        note(f"{error.code} {error.detail}")
        return False
    return True
