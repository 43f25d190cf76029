"""A step of the story: the patient gets a vaccination certificate, a verifier checks it, and its source is deleted."""

from typing import Final

from deploy.local.demo.client import JSON_PATCH, send
from deploy.local.demo.credentials import HOSPITAL, STRUCTURES
from deploy.local.demo.letter import vaccination_record
from deploy.local.demo.story import Story
from deploy.local.demo.structured import deposit_structured
from deploy.local.platform.services import CERTIFICATE_ISSUER
from services.records.certificates.domain.card_content import cards_in, issuer_of
from services.records.certificates.domain.verification import CardVerifier, CertificateRevokedError, VerifiedCard
from services.records.revocations.domain import RevocationList
from shared.runtime import clock

PLACE: Final = "/certificates/.well-known"
_DELETE: Final = [{"op": "replace", "path": "/status", "value": "entered-in-error"}]


async def certify_a_vaccination(story: Story) -> None:
    """A hospital deposits two doses. The patient gets a certificate about one of them; a verifier checks it with what
    is published alone. The hospital deletes its document: the certificate is revoked."""
    hospital = STRUCTURES[HOSPITAL]
    [document_id] = await deposit_structured(story, vaccination_record(story.patient, hospital))
    story.tell_event(hospital.name, "deposits a record of two vaccinations, whose facts are read")
    card = (await _certificate(story, "card")).decode()
    page = await _certificate(story, "pdf")
    story.expect(page.startswith(b"%PDF"), "the page of the certificate is no PDF")
    story.tell_event(
        story.patient.name, f"gets a certificate against measles, as a file and a page ({len(page) // 1000} kB)"
    )
    verified = await _verified(story, card)
    story.expect([str(dose.day) for dose in verified.doses] == ["2019-04-12"], "the certificate states other doses")
    story.tell_event("a verifier", f"finds it genuine: {verified.name}, dose of {verified.doses[0].day}, nothing else")
    path = f"/fhir/DocumentReference/{document_id}"
    await story.organisation(HOSPITAL).call("PATCH", "records", path, json=_DELETE, headers=JSON_PATCH)
    try:
        await _verified(story, card)
    except CertificateRevokedError as error:
        story.tell_event("a verifier", f"after the hospital deleted the record of vaccinations: {error}")
    else:
        story.expect(False, "the certificate of a deleted document is not revoked")


async def _certificate(story: Story, form: str) -> bytes:
    person = story.patient
    body = {
        "birth_name": person.birth_name,
        "given_name": person.given_name,
        "birth_date": person.birth_date.isoformat(),
        "disease": "measles",
    }
    path = f"/records/{story.record_id}/certificates?format={form}"
    return (await story.holder.call("POST", "records", path, json=body)).content


async def _verified(story: Story, file: str) -> VerifiedCard:
    """Verifies a certificate with the keys and the list that are published now."""
    dmp = story.dmp
    (card,) = cards_in(file.encode())
    _, kid = issuer_of(card)
    jwks = (await send(dmp.http, dmp.urls, "GET", "records", f"{PLACE}/jwks.json")).json()
    listed = (await send(dmp.http, dmp.urls, "GET", "records", f"{PLACE}/crl/{kid}.json")).json()
    lists = {(CERTIFICATE_ISSUER, kid): RevocationList.parse(listed)}
    return CardVerifier({CERTIFICATE_ISSUER: jwks}, lists).verify(card, clock.now())
