"""Deposits of structured documents in the story, and the wait for the facts that are read out of them."""

from typing import Any

from deploy.local.demo.client import FHIR
from deploy.local.demo.credentials import HOSPITAL
from deploy.local.demo.polling import poll
from deploy.local.demo.story import Story
from shared.fhir.cda_deposit import bundle_of_cda


async def deposit_structured(story: Story, *contents: bytes) -> list[str]:
    """Deposits documents as the first hospital, and waits until their facts are read. Returns the documents' ids."""
    software = story.organisation(HOSPITAL)
    places = []
    for content in contents:
        receipt = await software.call("POST", "records", "/fhir", content=bundle_of_cda(content), headers=FHIR)
        places.append(receipt.headers["location"])
    return [await _read(story, place) for place in places]


async def _read(story: Story, place: str) -> str:
    software = story.organisation(HOSPITAL)

    async def read() -> dict[str, Any] | None:
        [document] = (await software.call("GET", "records", place)).json()["documents"]
        facts = document["facts"]
        return document if facts is not None and facts["state"] not in (None, "pending") else None

    document = await poll(read, every_s=0.1)
    story.expect(document["facts"]["state"] == "read", f"the facts of the document are {document['facts']}")
    return str(document["document_id"])
