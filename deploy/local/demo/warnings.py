"""A step of the story: a prescription is compared with the record; its warnings are acknowledged."""

from typing import Any, Final

from deploy.local.demo.credentials import ATTENDING_DOCTOR, PROFESSIONALS
from deploy.local.demo.story import Story

ATC: Final = "http://www.whocc.no/atc"
MEDICINES: Final = {"Amoxicilline": "J01CA04", "Miconazole": "A01AB09"}
"""Substances with their ATC codes."""
REASON: Final = "Tolerated under supervision in 2023, see my letter"


async def prescribe_with_warnings(story: Story) -> None:
    """A doctor gets warnings about a prescription, keeps a medicine with a reason; the patient reads it in words.

    Warnings are off by default: this is no certified medical device. The local installation turns them on.
    """
    doctor, path = PROFESSIONALS[ATTENDING_DOCTOR], f"/records/{story.record_id}/warnings"
    medicines = [_medicine(name, code) for name, code in MEDICINES.items()]
    shown = await _post(story, path, {"medicines": medicines})
    story.tell_event(doctor.name, f"means to prescribe {' and '.join(MEDICINES)}; on here, though off by default:")
    for warning in shown["warnings"]:
        story.tell(f"      ! {warning['text']}")
    kinds = {warning["kind"] for warning in shown["warnings"]}
    story.expect({"allergy", "interaction"} <= kinds, f"the warnings are {sorted(kinds)}")
    declared = [warning for warning in shown["warnings"] if "Declared by the patient" in warning["text"]]
    story.expect(bool(declared), "what the patient states gives no warning")
    kept = medicines[:1]
    again = await _post(story, path, {"medicines": kept})
    body = {
        "prescription": {"medicines": kept},
        "warnings": [warning["id"] for warning in again["warnings"]],
        "reason": REASON,
    }
    await story.attending.call("POST", "records", f"{path}/acknowledgements", json=body)
    story.tell_event(doctor.name, f"drops miconazole, keeps amoxicillin, and says why: “{REASON}”")
    headers = {"accept-language": "en"}
    answer = (await story.holder.call("GET", "records", f"{path}/acknowledgements", headers=headers)).json()
    texts = {acknowledged["text"] for acknowledged in answer["acknowledgements"]}
    story.expect(all("Do not stop" in text for text in texts), "the patient reads no advice")
    story.tell_event(story.patient.name, f"reads in words: {' '.join(sorted(texts))}")


def _medicine(name: str, code: str) -> dict[str, Any]:
    """Returns a medicine of one substance, as a prescriber's software sends it."""
    codes = [{"system": ATC, "code": code}]
    return {"name": name, "codes": codes, "ingredients": [{"name": name, "codes": codes}]}


async def _post(story: Story, path: str, prescription: dict[str, Any]) -> dict[str, Any]:
    headers = {"accept-language": "en"}
    answer = await story.attending.call("POST", "records", path, json=prescription, headers=headers)
    warnings: dict[str, Any] = answer.json()
    return warnings
