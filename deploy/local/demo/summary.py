"""Steps of the story: the summary sheet is confirmed, read in an emergency, and follows what the patient masks."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from deploy.local.demo import mailbox
from deploy.local.demo.client import JSON_PATCH, MASK, Session
from deploy.local.demo.credentials import (
    ATTENDING_DOCTOR,
    HOSPITAL,
    PRACTICE,
    PROFESSIONALS,
    SECOND_DOCTOR,
    STRUCTURES,
)
from deploy.local.demo.letter import structured_letter
from deploy.local.demo.polling import poll
from deploy.local.demo.story import Story
from deploy.local.demo.structured import deposit_structured

MOTIVE: Final = "Fall with a head injury, answers confusedly"


async def confirm_the_summary(story: Story) -> None:
    """Two letters give the sheet its lines; the médecin traitant previews them as a document, and signs it."""
    hospital, doctor = STRUCTURES[HOSPITAL], PROFESSIONALS[ATTENDING_DOCTOR]
    letters = [structured_letter(story.patient, hospital, name) for name in ("cardiology", "psychiatry")]
    _, story.masked_id = await deposit_structured(story, *letters)
    story.tell_event(hospital.name, "deposits the letters of two stays, in codes; their facts are read")
    path = f"/records/{story.record_id}/attending-doctors/{doctor.id}"
    await story.holder.call("PUT", "consent", path, headers={"prefer": "wait=5"})
    story.tell_event(story.patient.name, f"names {doctor.name} as médecin traitant; in force")
    session = story.attending
    lines = await _lines(story, session)
    story.expect({line["state"] for line in lines} == {"proposed"}, "a line is confirmed already")
    story.tell_event(doctor.name, f"reads the summary sheet, all of it proposed: {_labels(lines)}")
    chosen = [line["id"] for line in lines if line["confirmable"] and line["origin"] == "document"]
    size = await _sign(story, session, chosen)
    story.tell_event(doctor.name, f"previews a version ({size / 1000:.0f} kB of CDA), and signs what was previewed")
    confirmed = [line for line in await _lines(story, session) if line["state"] == "confirmed"]
    story.expect(len(confirmed) == len(chosen), f"{len(confirmed)} lines are confirmed")
    story.tell_event("   the version is", f"published: its {len(confirmed)} lines are confirmed")


async def read_the_summary_in_an_emergency(story: Story) -> None:
    """An emergency doctor reads the sheet. The patient masks a source: its lines are gone, though they were signed."""
    doctor, person = PROFESSIONALS[SECOND_DOCTOR], story.patient
    before = len(mailbox.caught_mails(story.layout.mail, person.mail))
    emergency = story.dmp.professional(doctor.id, mode="bris_de_glace", motive=MOTIVE, patient=person.patient)
    lines = await _lines(story, emergency)
    story.tell_event(doctor.name, f"breaks the glass (“{MOTIVE}”), and reads: {_labels(lines)}")
    page = await emergency.call("GET", "records", _path(story), headers={"accept": "application/pdf"})
    story.expect(page.content.startswith(b"%PDF"), "the sheet on paper is no PDF")
    story.tell_event(doctor.name, f"prints the same sheet ({len(page.content) / 1000:.0f} kB of PDF)")
    mail = await poll(lambda: mailbox.mail_after(story.layout.mail, person.mail, before, mailbox.EMERGENCY))
    story.tell_event("mail server", f"has taken a mail to {mail.to}: {mail.subject}", mail.arrived)
    place = f"/fhir/DocumentReference/{story.masked_id}"
    await story.holder.call("PATCH", "records", place, json=MASK, headers=JSON_PATCH)
    story.tell_event(person.name, "masks the letter of the stay in psychiatry, in force with the answer")
    left = await _lines(story, emergency)
    gone = [line for line in lines if line["id"] not in {other["id"] for other in left}]
    sources = {source["document_id"] for line in gone for source in line["sources"]}
    story.expect(sources == {story.masked_id}, f"lines of {sources} are gone")
    story.tell_event(doctor.name, f"reads again: gone, though they were confirmed: {_labels(gone)}")
    own = {line["id"] for line in await _lines(story, story.attending)}
    story.expect({line["id"] for line in gone} <= own, "the médecin traitant sees less than before")
    story.tell_event(PROFESSIONALS[ATTENDING_DOCTOR].name, "still reads them, as the médecin traitant")


async def _sign(story: Story, session: Session, chosen: list[str]) -> int:
    """Previews and signs a version with these lines; returns the size of its document."""
    person = story.patient
    body: dict[str, Any] = {
        "written_at": datetime.now(UTC).isoformat(),
        "doctor": {"family_name": "TRESSARD", "given_name": "Ombeline", "organisation": PRACTICE.name},
        "patient": {
            "ins": person.ins,
            "ins_oid": person.oid,
            "birth_name": person.birth_name,
            "given_name": person.given_name,
            "birth_date": person.birth_date.isoformat(),
            "sex": person.sex,
            "birth_place": person.birth_place,
        },
        "confirmed": chosen,
    }
    preview = await session.call("POST", "records", f"{_path(story)}/preview", json=body)
    signed = {**body, "sha256": hashlib.sha256(preview.content).hexdigest()}
    headers = {"if-match": preview.headers["etag"], "prefer": "wait=10"}
    answer = await session.call("PUT", "records", _path(story), json=signed, headers=headers)
    [document] = answer.json()["documents"]
    story.expect(document["status"] == "published", f"the version was {document['status']} ({document['reason']})")
    return len(preview.content)


async def _lines(story: Story, session: Session) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = (await session.call("GET", "records", _path(story))).json()["lines"]
    return lines


def _path(story: Story) -> str:
    return f"/records/{story.record_id}/summary"


def _labels(lines: Iterable[dict[str, Any]]) -> str:
    """Returns what the lines are about, each once."""
    labels = [line["fact"]["code"] for line in lines]
    texts = [code.get("coding", {}).get("display") or code.get("text", "") for code in labels]
    return ", ".join(dict.fromkeys(text.partition(",")[0] for text in texts))
