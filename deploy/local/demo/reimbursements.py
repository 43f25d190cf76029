"""A step of the story: the health insurance sends reimbursements, a doctor sees them, the patient hides them."""

import tempfile
from pathlib import Path
from typing import Any

from deploy.local.demo import mailbox
from deploy.local.demo.client import RefusedError, Session
from deploy.local.demo.credentials import DOCTOR, PROFESSIONALS
from deploy.local.demo.day_file import LINES, LINES_A_PERSON, line_of, send_line, write_day_file
from deploy.local.demo.mailbox import CaughtMail
from deploy.local.demo.polling import poll
from deploy.local.demo.story import Story
from deploy.local.platform.importer import reimbursement_importer_of

SECTION = "REMB"


async def show_reimbursements(story: Story) -> None:
    """A day's file comes, then a line of the continuous feed; money is for the patient; the section can be hidden."""
    before = len(mailbox.caught_mails(story.layout.mail, story.patient.mail))
    with tempfile.TemporaryDirectory(prefix="dmp-demo-") as folder:
        file = Path(folder) / "day.csv"
        write_day_file(file, story.patient)
        outcome = await reimbursement_importer_of(story.layout.folder).import_file(file, lambda _: None)
    counts = dict(outcome.counts)
    story.expect(counts == {"new": LINES_A_PERSON, "unknown": LINES - LINES_A_PERSON}, f"the import counts {counts}")
    story.tell_event("health insurance", f"sends a day's file of {LINES:,} lines: {LINES_A_PERSON} are the patient's")
    story.tell_event("   of the others", "nothing is kept: these people have no record")
    mail = await poll(lambda: _mail_after(story, before))
    story.tell_event("mail server", f"has taken a mail to {mail.to}: {mail.subject}", mail.arrived)
    await send_line(story.layout, line_of(story.patient, f"{story.patient.ins}-feed", 0))
    await poll(lambda: _history_of(story, story.holder, LINES_A_PERSON + 1), every_s=0.1)
    story.tell_event("health insurance", "sends one more line on its topic, encrypted; it is there")
    await _look_and_hide(story)


async def _look_and_hide(story: Story) -> None:
    doctor = PROFESSIONALS[DOCTOR]
    own, seen = await _history(story, story.holder), await _history(story, story.doctor)
    story.expect("amount_paid" in own["lines"][0], "the patient does not see the amounts")
    story.expect("amount_paid" not in seen["lines"][0], "the doctor sees the amounts")
    labels = ", ".join(sorted({line["label"].capitalize() for line in seen["lines"]}))
    story.tell_event(doctor.name, f"sees {seen['total']} lines, without amounts: {labels}")
    path = f"/records/{story.record_id}/hidden-sections/{SECTION}"
    answer = await story.holder.call("PUT", "consent", path, headers={"prefer": "wait=5"})
    story.expect(answer.json()["status"] == "in-force", "the choice is still on its way after 5 s")
    story.tell_event(story.patient.name, "hides the section; in force")
    try:
        await _history(story, story.doctor)
    except RefusedError as error:
        story.expect(error.status == 404, f"the hidden history answers {error.status}")
    else:
        story.expect(False, "the doctor still sees the hidden history")
    story.tell_event(doctor.name, "asks for it: 404, as if it did not exist")


async def _history(story: Story, session: Session) -> dict[str, Any]:
    answer = await session.call("GET", "records", f"/records/{story.record_id}/history")
    history: dict[str, Any] = answer.json()
    return history


async def _history_of(story: Story, session: Session, total: int) -> dict[str, Any] | None:
    history = await _history(story, session)
    return history if history["total"] == total else None


async def _mail_after(story: Story, before: int) -> CaughtMail | None:
    mails = mailbox.caught_mails(story.layout.mail, story.patient.mail)
    return mails[before] if len(mails) > before else None
