"""The middle steps of the story: the patient masks a letter, a doctor breaks the glass, decisions are explained."""

from datetime import timedelta
from typing import Any

from deploy.local.demo import mailbox
from deploy.local.demo.client import JSON_PATCH, MASK, RefusedError, Session
from deploy.local.demo.credentials import DOCTOR, OPERATOR, PROFESSIONALS, SECOND_DOCTOR, session_of
from deploy.local.demo.polling import poll
from deploy.local.demo.story import Story

MOTIVE = "Unconscious on the public highway, history unknown"
_WAIT = {"prefer": "wait=5"}


async def ask_and_hide(story: Story) -> None:
    """The patient asks who could no longer see the letter, then masks it. The doctor's refusal is explained."""
    doctor = PROFESSIONALS[DOCTOR]
    question = {"documents": [{"document_id": story.document_id, "change": "mask"}]}
    path = f"/records/{story.record_id}/what-if"
    answer = (await story.holder.call("POST", "records", path, json=question)).json()
    story.tell_event(story.patient.name, "asks: if I mask the letter, who can no longer see it?")
    lost = [effect for effect in answer["effects"] if effect["id"] == doctor.id]
    story.expect(len(lost) == 1 and lost[0]["lost"] == 1, "the doctor is not among those who would lose it")
    for sentence in answer["sentences"]:
        story.tell(f"      {sentence}")
    story.expect(await _status(story.doctor, story) == 200, "asking has changed something")
    await story.holder.call(
        "PATCH", "records", f"/fhir/DocumentReference/{story.document_id}", json=MASK, headers=JSON_PATCH
    )
    story.tell_event(story.patient.name, "masks it, in force with the answer")
    story.expect(await _status(story.doctor, story) == 404, "the doctor still reads the masked letter")
    story.tell_event(doctor.name, "asks for it: 404, as if it did not exist")
    await _explain(story, "masked")


async def break_the_glass(story: Story) -> None:
    """Another doctor reads in an emergency: with a motive, never against the patient's opposition; an alert follows."""
    doctor = PROFESSIONALS[SECOND_DOCTOR]
    emergency = story.dmp.professional(doctor.id, mode="bris_de_glace", motive=MOTIVE, patient=story.patient.patient)
    story.tell_event(doctor.name, f"breaks the glass: “{MOTIVE}”")
    story.expect(await _status(emergency, story) == 404, "a masked letter was opened without permission")
    story.tell_event(doctor.name, "is not shown the masked letter: the patient has not permitted that in emergencies")
    choices = {"break_glass": True, "regulation_centre": True, "masked_documents": True}
    await _choose(story, "emergency", choices, "permits masked documents in emergencies")
    before = len(mailbox.caught_mails(story.layout.mail, story.patient.mail))
    read = await emergency.call("GET", "records", f"/fhir/Binary/{story.document_id}")
    mode = read.headers["x-access-mode"]
    story.expect(read.content == story.document and mode == "bris_de_glace", f"the answer says mode {mode}")
    story.tell_event(doctor.name, f"reads it; the answer is marked {mode}")
    mail = await poll(lambda: mailbox.mail_after(story.layout.mail, story.patient.mail, before, mailbox.EMERGENCY))
    story.tell_event("mail server", f"has taken a mail to {mail.to}: {mail.subject}", mail.arrived)
    await _choose(story, "emergency", {**choices, "break_glass": False}, "opposes breaking the glass")
    story.expect(await _status(emergency, story) == 404, "the opposition was not honoured")
    story.tell_event(doctor.name, "is refused from then on, even in an emergency")
    await _show_emergencies(story)


async def decide_again(story: Story) -> None:
    """Decides every decision of the story again, from the facts that the ledger has kept."""
    operator = session_of(story.dmp, story.credentials, OPERATOR)
    span = {"from": story.started.isoformat(), "to": (story.started + timedelta(hours=1)).isoformat()}
    total = {"decisions": 0, "differences": 0}
    after: str | None = None
    while True:
        query = {**span, **({"after": after} if after else {})}
        part = (await operator.call("GET", "audit", "/replay", params=query)).json()
        total["decisions"] += part["decisions"]
        total["differences"] += len(part["differences"])
        after = part["next"]
        if after is None:
            break
    story.expect(total["decisions"] > 0, "nothing was decided again")
    story.expect(total["differences"] == 0, f"{total['differences']} decisions are answered otherwise now")
    story.tell_event("operator", f"has {total['decisions']} decisions decided again from their facts: no difference")


async def _explain(story: Story, reason: str) -> None:
    """The patient asks why the doctor was refused; the answer lists the questions of the rules in order."""
    line = await poll(lambda: _entry(story, reason), every_s=0.3)
    path = f"/entries/{line['event_id']}/explanation"
    explanation = (await story.holder.call("GET", "audit", path, headers={"accept-language": "en"})).json()
    story.expect(explanation["steps"] and not explanation["steps"][-1]["met"], "the explanation names no rule")
    story.tell_event(story.patient.name, f"asks why: {explanation['sentence']}")
    for step in explanation["steps"]:
        story.tell(f"      {'✓' if step['met'] else '✗'} {step['answer']}")


async def _show_emergencies(story: Story) -> None:
    listed = await poll(lambda: _emergencies(story), every_s=0.3)
    emergency = listed[0]
    story.tell_event(story.patient.name, f"sees who it was, the motive (“{emergency['motive']}”) and what was read")


async def _emergencies(story: Story) -> list[dict[str, Any]] | None:
    path = f"/records/{story.record_id}/emergencies"
    emergencies: list[dict[str, Any]] = (await story.holder.call("GET", "audit", path)).json()["emergencies"]
    return emergencies if emergencies and emergencies[0]["motive"] == MOTIVE else None


async def _entry(story: Story, reason: str) -> dict[str, Any] | None:
    path = f"/records/{story.record_id}/accesses"
    lines: list[dict[str, Any]] = (await story.holder.call("GET", "audit", path)).json()["accesses"]
    return next((line for line in lines if line["reason"] == reason), None)


async def _choose(story: Story, choice: str, body: dict[str, Any], words: str) -> None:
    path = f"/records/{story.record_id}/{choice}"
    answer = await story.holder.call("PUT", "consent", path, json=body, headers=_WAIT)
    story.expect(answer.json()["status"] == "in-force", "the choice is still on its way after 5 s")
    story.tell_event(story.patient.name, f"{words}; in force")


async def _status(session: Session, story: Story) -> int:
    try:
        return (await session.call("GET", "records", f"/fhir/Binary/{story.document_id}")).status_code
    except RefusedError as error:
        return error.status
