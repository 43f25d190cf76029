"""The last steps of the story: the patient closes the record; it is erased, and the receipt is verified."""

from __future__ import annotations

from deploy.local.demo.client import RefusedError, send
from deploy.local.demo.credentials import ADMINISTRATOR, session_of
from deploy.local.demo.story import Story
from services.identity.erasure.domain import verified_receipt


async def close_record(story: Story) -> None:
    """The patient closes the record; once that is in force, only the holder can read."""
    story.deposited_at = None
    path = f"/records/{story.record_id}/close"
    answer = await story.holder.call("POST", "identity", path, json={}, headers={"prefer": "wait=10"})
    story.tell_event(story.patient.name, "closes the record")
    story.expect(answer.json()["status"] == "in-force", "the closing is still on its way after 10 s")
    story.tell_event("   the closing is", "in force for every read and deposit")


async def erase_record(story: Story) -> None:
    """A decision under the GDPR erases the record: all five services destroy their data, as the receipt proves."""
    administrator = session_of(story.dmp, story.credentials, ADMINISTRATOR)
    prefer = {"prefer": "wait=10"}
    decision = {"reason": "gdpr-decision"}
    path = f"/records/{story.record_id}/erase"
    erasure = (await administrator.call("POST", "identity", path, json=decision, headers=prefer)).json()
    story.expect(not erasure["missing"], f"no acknowledgement from {', '.join(erasure['missing'])}")
    place = f"/erasures/{erasure['erasure_id']}/receipt"
    signed = (await administrator.call("GET", "identity", place)).text
    keys = await send(story.dmp.http, story.dmp.urls, "GET", "identity", "/.well-known/erasure-receipt-keys.json")
    receipt = verified_receipt(signed, keys.json())
    story.tell_event("administrator", "has the record erased, by a decision under the GDPR", receipt.decided_at)
    for acknowledgement in sorted(
        receipt.acknowledgements, key=lambda acknowledgement: acknowledgement.acknowledged_at
    ):
        destroyed = (
            ", ".join(f"{count} {kind}" for kind, count in acknowledgement.destroyed.items() if count) or "nothing"
        )
        story.tell_event(acknowledgement.service, f"has destroyed: {destroyed}", acknowledgement.acknowledged_at)
    story.tell_event("receipt", f"verified; no backup brings it back from {receipt.unrecoverable_from:%d/%m/%Y} on")
    try:
        await story.holder.call("GET", "records", f"/fhir/Binary/{story.document_id}")
    except RefusedError as error:
        story.expect(error.status == 404, f"the erased document answers {error.status}")
    else:
        story.expect(False, "the erased document can still be read")
    story.tell_event(story.patient.name, "asks for the letter once more: it does not exist")
