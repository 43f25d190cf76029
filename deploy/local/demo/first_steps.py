"""The first steps of the story: a record is opened, hospitals deposit, a doctor reads and is blocked."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from deploy.local.demo import mailbox
from deploy.local.demo.client import FHIR, RefusedError, Session
from deploy.local.demo.credentials import DOCTOR, HOSPITAL, PROFESSIONALS, SECOND_HOSPITAL, STRUCTURES, session_of
from deploy.local.demo.letter import letter
from deploy.local.demo.mailbox import CaughtMail
from deploy.local.demo.polling import POLL_INTERVAL_S, STATIONS, describe_access, is_done, poll
from deploy.local.demo.story import Story
from shared.fhir.cda_deposit import bundle_of_cda

_SHOWN_ACCESSES = 30


async def open_record(story: Story) -> None:
    """An administrator opens a record for an invented person."""
    administrator = session_of(story.dmp, story.credentials, "administrator")
    person = story.patient
    body = person.opening()
    answer = (await administrator.call("POST", "identity", "/records", json=body)).json()
    story.record_id = answer["record_id"]
    story.tell_event(
        "administrator", f"opens the record of {person.name} (invented), born {person.birth_date:%d/%m/%Y}"
    )
    await poll(lambda: _is_in_force(story, administrator))
    story.tell_event("record", f"{story.record_id} is in force everywhere")


async def deposit(story: Story) -> None:
    """A hospital deposits a discharge letter: it is checked, published and entered in the ledger; an alert follows."""
    hospital = STRUCTURES[HOSPITAL]
    story.document = letter(story.patient, hospital)
    receipt = await _deposit(story, HOSPITAL, story.document)
    size = len(story.document) / 1000
    story.tell_event(hospital.name, f"deposits a discharge letter ({size:.0f} kB): 200, {receipt}")
    progress = await follow(story, story.organisation(HOSPITAL), receipt)
    story.document_id = progress["document_id"]
    story.expect(progress["status"] == "published", f"the document was {progress['status']} ({progress['reason']})")


async def read_the_mail(story: Story) -> None:
    """The alert arrives in the patient's mailbox. It mentions a new document, and nothing about it."""
    mail = await poll(lambda: _mail(story, 1))
    assert story.deposited_at is not None
    story.first_alert_s = (mail.arrived - story.deposited_at).total_seconds()
    story.tell_event("mail server", f"has taken a mail to {mail.to}", mail.arrived)
    _show(story, mail)


async def refuse_a_hospital(story: Story) -> None:
    """The patient objects to another hospital's deposits. The hospital's deposit is refused with the reason."""
    clinic = STRUCTURES[SECOND_HOSPITAL]
    await _choose(story, "PUT", f"feeding-objections/{clinic.id}", f"objects to deposits of {clinic.name}")
    receipt = await _deposit(story, SECOND_HOSPITAL, letter(story.patient, clinic))
    story.tell_event(clinic.name, f"deposits a discharge letter: 200, {receipt}")
    progress = await follow(story, story.organisation(SECOND_HOSPITAL), receipt)
    story.expect(progress["status"] == "refused", f"the document was {progress['status']}")
    story.tell_event(clinic.name, f"learns by `dmp track`: refused, {progress['reason']}")


async def let_a_doctor_read(story: Story) -> None:
    """A doctor whom the patient authorises finds and reads the letter; the patient receives an alert."""
    story.deposited_at = None
    doctor = PROFESSIONALS[DOCTOR]
    await _choose(story, "PUT", f"authorisations/{doctor.id}", f"authorises {doctor.name}")
    query = {"patient": story.record_id, "status": "current"}
    answer = await story.doctor.call("POST", "records", "/fhir/DocumentReference/_search", data=query)
    titles = [entry["resource"]["content"][0]["attachment"]["title"] for entry in answer.json().get("entry", [])]
    story.tell_event(doctor.name, f"finds {len(titles)} document: {', '.join(titles)}")
    content = await story.doctor.call("GET", "records", f"/fhir/Binary/{story.document_id}")
    story.expect(content.content == story.document, "the bytes that were read are not those that were deposited")
    story.tell_event(doctor.name, f"reads it: {len(content.content) / 1000:.0f} kB, byte for byte as deposited")
    mail = await poll(lambda: _mail(story, 2))
    story.tell_event("mail server", f"has taken a mail to {mail.to}", mail.arrived)
    _show(story, mail)


async def block_the_doctor(story: Story) -> None:
    """The patient blocks the doctor, who is then answered as if the document did not exist."""
    doctor = PROFESSIONALS[DOCTOR]
    await _choose(story, "PUT", f"blocks/{doctor.id}", f"blocks {doctor.name}")
    refused = await _refusal(story.doctor, f"/fhir/Binary/{story.document_id}")
    missing = await _refusal(story.doctor, f"/fhir/Binary/{uuid4()}")
    story.expect(refused is not None and refused.status == 404, "the blocked doctor was not refused with 404")
    story.expect(
        missing is not None
        and refused is not None
        and (missing.code, missing.detail) == (refused.code, refused.detail),
        "the refusal differs from the answer for a document that does not exist",
    )
    story.tell_event(doctor.name, "asks for the letter again: 404, as if it did not exist")


async def list_accesses(story: Story) -> None:
    """The patient lists the accesses, refusals included."""
    expected = {
        ("professional", "read-document", "permitted"),
        ("professional", "read-document", "refused"),
        ("software", "deposit-document", "refused"),
        ("patient", "block-professional", "permitted"),
    }
    listed = await poll(lambda: _accesses(story, expected), every_s=0.3)  # the ledger records each request
    story.tell_event(story.patient.name, "lists who did what, the newest first:")
    for line in listed[:_SHOWN_ACCESSES]:
        story.tell(f"      {describe_access(line)}")
    if len(listed) > _SHOWN_ACCESSES:
        story.tell(f"      and {len(listed) - _SHOWN_ACCESSES} before them")


async def follow(story: Story, software: Session, place: str) -> dict[str, Any]:
    """Prints each step of the deposit's only document until its tracking ends. Returns the last state."""
    reported: set[str] = set()
    while True:
        progress: dict[str, Any] = (await software.call("GET", "records", place)).json()["documents"][0]
        reached = [name for name in STATIONS if progress.get(name) and name not in reported]
        for name in sorted(reached, key=lambda name: str(progress[name])):
            reason = f" ({progress['reason']})" if name == "refused_at" else ""
            story.tell_event("   its document is", STATIONS[name] + reason, datetime.fromisoformat(progress[name]))
        reported |= set(reached)
        if is_done(progress):
            return progress
        await asyncio.sleep(POLL_INTERVAL_S)


async def _deposit(story: Story, hospital: str, document: bytes) -> str:
    """Deposits a document, and starts the story's clock. Returns the path of its tracking."""
    software, body = story.organisation(hospital), bundle_of_cda(document)
    await software.token()
    story.deposited_at = datetime.now(UTC)
    receipt = await software.call("POST", "records", "/fhir", content=body, headers=FHIR)
    return receipt.headers["location"]


async def _is_in_force(story: Story, administrator: Session) -> bool | None:
    answer = await administrator.call("GET", "identity", f"/records/{story.record_id}", headers={"prefer": "wait=5"})
    return True if answer.json()["status"] == "in-force" else None


async def _choose(story: Story, method: str, choice: str, words: str) -> None:
    path = f"/records/{story.record_id}/{choice}"
    started = datetime.now(UTC)
    answer = await story.holder.call(method, "consent", path, headers={"prefer": "wait=5"})
    story.tell_event(story.patient.name, words)
    story.expect(answer.json()["status"] == "in-force", "the choice is still on its way after 5 s")
    milliseconds = (datetime.now(UTC) - started).total_seconds() * 1000
    story.tell_event("   the choice is", f"in force for every read after {milliseconds:.0f} ms")


async def _mail(story: Story, number: int) -> CaughtMail | None:
    mails = mailbox.caught_mails(story.layout.mail, story.patient.mail)
    return mails[number - 1] if len(mails) >= number else None


def _show(story: Story, mail: CaughtMail) -> None:
    story.tell(f"      │ To: {mail.to}\n      │ Subject: {mail.subject}\n      │")
    for line in mail.text.splitlines():
        story.tell(f"      │ {line}".rstrip())


async def _refusal(session: Session, path: str) -> RefusedError | None:
    try:
        await session.call("GET", "records", path)
    except RefusedError as error:
        return error
    return None


async def _accesses(story: Story, expected: set[tuple[str, str, str]]) -> list[dict[str, Any]] | None:
    answer = await story.holder.call("GET", "audit", f"/records/{story.record_id}/accesses", params={"limit": 200})
    lines: list[dict[str, Any]] = answer.json()["accesses"]
    seen = {(line["who"]["kind"], line["action"], line["outcome"]) for line in lines}
    own = [line for line in lines if line["action"] != "list-accesses"]
    is_complete = expected <= seen and any(line["reason"] == "blocked" for line in lines)
    return own if is_complete else None
