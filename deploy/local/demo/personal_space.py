"""A step of the story: what the patient states and measures, and how a doctor sees it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from deploy.local.demo.client import RefusedError
from deploy.local.demo.credentials import DOCTOR, PROFESSIONALS
from deploy.local.demo.story import Story

PRESSURES = ((148, 94), (139, 88), (131, 82))


async def keep_a_personal_space(story: Story) -> None:
    """The patient states an allergy, enters three blood pressures, and is refused an impossible one."""
    statements = [{"kind": "allergy", "text": "Amoxicilline", "since": "2011"}]
    path = f"/records/{story.record_id}/statements/{uuid4()}"
    body = {"form": "health-profile", "statements": statements}
    answer = await story.holder.call("PUT", "records", path, json=body, headers={"prefer": "wait=10"})
    [document] = answer.json()["documents"]
    story.expect(document["status"] == "published", "the health profile is not published")
    story.tell_event(story.patient.name, "states an allergy to amoxicillin, since 2011")
    for weeks, (systolic, diastolic) in zip((2, 1, 0), PRESSURES, strict=True):
        await _enter(story, systolic, diastolic, datetime.now(UTC) - timedelta(weeks=weeks, minutes=5))
    story.tell_event(
        story.patient.name, "enters a blood pressure each week: " + ", ".join(f"{s}/{d}" for s, d in PRESSURES)
    )
    try:
        await _enter(story, 13, 8, datetime.now(UTC))
    except RefusedError as error:
        story.tell_event("records", f"refuses 13/8: {error.detail}")
    else:
        story.expect(False, "an impossible blood pressure is taken")
    await _show_to_the_doctor(story)


async def _enter(story: Story, systolic: int, diastolic: int, at: datetime) -> None:
    body = {"code": "BLOOD_PRESSURE", "systolic": systolic, "diastolic": diastolic, "measured_at": at.isoformat()}
    await story.holder.call("POST", "records", f"/records/{story.record_id}/measures", json=body)


async def _show_to_the_doctor(story: Story) -> None:
    doctor = PROFESSIONALS[DOCTOR]
    seen = await _get(story, "measures?code=BLOOD_PRESSURE")
    [systolic, _] = seen["trends"]
    story.expect((systolic["count"], systolic["change"]) == (3, -17.0), f"the trend is {systolic}")
    story.tell_event(
        doctor.name, f"sees the last one, {systolic['last']['value']:g}, {systolic['change']:+g} in two weeks"
    )
    [profile] = (await _get(story, "statements?form=health-profile"))["documents"]
    story.expect(profile["declared_by"] == "patient", "the allergy is not marked as the patient's")
    story.tell_event(doctor.name, "sees the allergy, marked as declared by the patient: a proposal, nothing confirmed")


async def _get(story: Story, path: str) -> dict[str, Any]:
    answer = await story.doctor.call("GET", "records", f"/records/{story.record_id}/{path}")
    body: dict[str, Any] = answer.json()
    return body
