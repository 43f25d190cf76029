"""The médecin traitant confirms the sheet: who may, what is signed, and what becomes of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentReceived
from shared.runtime import clock
from tests.infra.http.tokens import bearer, make_token, professional_token
from tests.infra.load.documents import Person
from tests.infra.records.mixes import in_mode
from tests.infra.records.records_api import (
    HOSPITAL,
    OTHER_DOCTOR,
    RecordsApi,
    as_doctor,
    as_patient,
    as_software,
    ins_of,
    traits_of,
)
from tests.infra.records.summary_records import a_fact, publish_facts

SOMEBODY, SOMEBODY_ELSE = Person(94), Person(95)
ATTENDING, SECOND = "899900000042", "899900000059"
GRANTS = [{"holder_id": OTHER_DOCTOR, "from": "2026-01-01T00:00:00Z"}]


def signer(doctor: str = ATTENDING) -> str:
    """The token of a doctor who acts for a structure."""
    return professional_token(doctor, organisation_id=HOSPITAL)


def person_of(person: Person) -> dict[str, str]:
    """The person as a doctor names them."""
    ins, traits = ins_of(person), traits_of(person)
    return {
        "ins": ins.matricule,
        "ins_oid": ins.oid,
        "birth_name": str(traits.birth_name),
        "given_name": str(traits.given_name),
        "birth_date": str(traits.birth_date),
        "sex": str(traits.sex),
        "birth_place": str(traits.birth_place),
    }


@dataclass
class Signing:
    """A record with a médecin traitant."""

    api: RecordsApi
    record: UUID
    versions: int = 1
    choices: dict[str, Any] = field(default_factory=dict)

    async def sheet(self, token: str) -> httpx2.Response:
        """Reads the sheet."""
        answer = await self.api.get(f"/records/{self.record}/summary", token)
        assert answer.status_code == 200, answer.text
        return answer

    async def lines(self, token: str) -> dict[UUID, dict[str, Any]]:
        """Returns the lines by their ids."""
        return {UUID(line["id"]): line for line in (await self.sheet(token)).json()["lines"]}

    def body(self, *confirmed: UUID, **more: Any) -> dict[str, Any]:
        """Returns what to sign."""
        return {
            "written_at": clock.now().isoformat(),
            "doctor": {"family_name": "FICTIF", "given_name": "Camille", "organisation": "Cabinet inventé"},
            "patient": person_of(SOMEBODY),
            "confirmed": [str(id) for id in confirmed],
            **more,
        }

    async def preview(self, token: str, body: dict[str, Any]) -> httpx2.Response:
        """Previews a version."""
        return await self.api.client.post(f"/records/{self.record}/summary/preview", json=body, headers=bearer(token))

    async def put(self, token: str, body: dict[str, Any], etag: str) -> httpx2.Response:
        """Signs a version."""
        headers = {**bearer(token), "if-match": etag}
        return await self.api.client.put(f"/records/{self.record}/summary", json=body, headers=headers)

    async def sign(self, *confirmed: UUID, token: str | None = None, published: bool = True, **more: Any) -> UUID:
        """Previews and signs a version; returns its id."""
        token = token or signer()
        body = self.body(*confirmed, **more)
        preview = await self.preview(token, body)
        assert preview.status_code == 200, preview.text
        signed = {**body, "sha256": hashlib.sha256(preview.content).hexdigest()}
        answer = await self.put(token, signed, preview.headers["etag"])
        assert answer.status_code == 201, answer.text
        version = UUID(answer.json()["documents"][0]["document_id"])
        if published:
            await self.api.decide(version)
        return version

    async def choose(self, **choices: Any) -> None:
        """Applies other choices of the person."""
        self.versions += 1
        await self.api.choose(self.record, self.versions, **{"authorisations": GRANTS, **choices})

    async def publish(self, *facts: ClinicalFact, **changed: Any) -> UUID:
        """Publishes a document with these facts."""
        return await publish_facts(self.api, SOMEBODY, facts, **changed)


@pytest.fixture
async def signing(api: RecordsApi) -> Signing:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1, authorisations=GRANTS, attending_doctors=(ATTENDING, SECOND))
    await api.be_fresh()
    return Signing(api, record)


async def test_what_was_previewed_is_signed_and_counts_once_it_is_published(signing: Signing) -> None:
    fact, other = a_fact(FactKind.ALLERGY), a_fact()
    document = await signing.publish(fact, other)
    version = await signing.sign(fact.id, published=False)
    reader = as_doctor(OTHER_DOCTOR)
    assert {line["state"] for line in (await signing.lines(reader)).values()} == {"proposed"}
    await signing.api.decide(version)
    lines = await signing.lines(reader)
    assert {id: line["state"] for id, line in lines.items()} == {fact.id: "confirmed", other.id: "proposed"}
    [decision] = lines[fact.id]["decisions"]
    assert (decision["doctor"], decision["doctor_id"], decision["until"]) == ("Dr Camille FICTIF", ATTENDING, None)

    shown = await signing.api.get(f"/fhir/DocumentReference/{version}", reader)
    assert shown.json()["type"]["coding"][0]["code"] == "60591-5"
    content = await signing.api.get(f"/fhir/Binary/{version}", reader)
    assert f"{document}.{fact.id}".encode() in content.content.lower()
    assert str(other.id).encode() not in content.content.lower()
    received = (await signing.api.announced(DocumentReceived))[-1]
    assert (received.author_id, received.actor and received.actor.id) == (ATTENDING, ATTENDING)
    row = await signing.api.pool.fetchrow("select cites from documents where id = $1", version)
    assert row is not None
    assert row["cites"] == [document]
    stored = await signing.api.pool.fetchval("select lines from summary_versions")
    assert b"FICTIF" not in stored
    confirmed = [event for event in await signing.api.announced(AccessRecorded) if event.action == "confirm-summary"]
    assert [(event.outcome, event.reason, event.actor.id) for event in confirmed] == [
        ("permitted", "attending-doctor", ATTENDING)
    ]


async def test_a_next_version_takes_the_place_of_the_doctors_own_and_of_no_other(signing: Signing) -> None:
    first_fact, second_fact, third_fact = a_fact(), a_fact(), a_fact()
    await signing.publish(first_fact, second_fact, third_fact)
    first = await signing.sign(first_fact.id)
    other = await signing.sign(third_fact.id, token=signer(SECOND))
    second = await signing.sign(second_fact.id)
    states = {id: line["state"] for id, line in (await signing.lines(as_patient(signing.record))).items()}
    assert states == {first_fact.id: "proposed", second_fact.id: "confirmed", third_fact.id: "confirmed"}
    lives = {
        row["id"]: row["life"]
        for row in await signing.api.pool.fetch("select id, life from documents where cites is not null")
    }
    assert lives == {first: "superseded", other: "current", second: "current"}
    content = (await signing.api.get(f"/fhir/Binary/{second}", as_patient(signing.record))).content
    assert b'<versionNumber value="2"' in content


REFUSED: dict[str, tuple[str, int]] = {
    "another authorised doctor": (professional_token(OTHER_DOCTOR, organisation_id=HOSPITAL), 403),
    "a doctor without a right": (professional_token("899900000067", organisation_id=HOSPITAL), 404),
    "a pharmacist with the status": (professional_token(ATTENDING, "21", organisation_id=HOSPITAL), 404),
    "software": (as_software(), 403),
    "an operator": (make_token("operator", "ops", scope="operations"), 403),
}


@pytest.mark.parametrize("who", [*sorted(REFUSED), "the patient", "break-glass", "secret"])
async def test_nobody_else_confirms(signing: Signing, who: str) -> None:
    fact = a_fact()
    await signing.publish(fact)
    own = {
        "the patient": as_patient(signing.record),
        "break-glass": in_mode("bris_de_glace", signing.record, ATTENDING, organisation_id=HOSPITAL),
        "secret": in_mode("secret", signing.record, ATTENDING, organisation_id=HOSPITAL),
    }
    await signing.choose(attending_doctors=(ATTENDING,), emergency={"break_glass": True})
    await signing.api.name_people(signing.record, 1, is_minor=True)
    token, status = REFUSED[who] if who in REFUSED else (own[who], 403)
    body = {**signing.body(fact.id), "sha256": "0" * 64}
    assert (await signing.preview(token, signing.body(fact.id))).status_code == status
    assert (await signing.put(token, body, '"x"')).status_code == status
    assert await signing.api.pool.fetchval("select count(*) from summary_versions") == 0
    if who == "another authorised doctor":
        events = [event for event in await signing.api.announced(AccessRecorded) if event.action == "confirm-summary"]
        assert [(event.outcome, event.reason) for event in events] == [("refused", "not-attending-doctor")] * 2


async def test_on_old_copies_nobody_confirms(signing: Signing) -> None:
    fact = a_fact()
    await signing.publish(fact)
    await signing.api.be_fresh(clock.now() - timedelta(minutes=5))
    assert (await signing.preview(signer(), signing.body(fact.id))).status_code == 503


async def test_what_is_not_offered_is_not_signed(signing: Signing) -> None:
    open_fact, masked = a_fact(), a_fact()
    await signing.publish(open_fact)
    await signing.publish(masked, labels=("N", "MASQUE_PS"))
    statement = {"id": str(uuid4()), "chapter": "blood-group", "text": "A+"}
    stranger = {"patient": person_of(SOMEBODY_ELSE)}
    early = {"written_at": (clock.now() - timedelta(hours=1)).isoformat()}
    cases: Sequence[tuple[dict[str, Any], str]] = (
        (signing.body(masked.id), "line-not-offered"),
        (signing.body(uuid4()), "line-not-offered"),
        (signing.body(statements=[statement]), "statement-not-possible"),
        (signing.body(open_fact.id, **stranger), "patient-mismatch"),
        (signing.body(open_fact.id, **early), "signing-time-invalid"),
        (signing.body(open_fact.id, rejected=[{"id": str(open_fact.id)}]), "line-not-offered"),
    )
    for body, code in cases:
        answer = await signing.preview(signer(), body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_only_what_was_read_is_signed(signing: Signing) -> None:
    fact, later = a_fact(), a_fact()
    await signing.publish(fact)
    body = signing.body(fact.id)
    preview = await signing.preview(signer(), body)
    digest, etag = hashlib.sha256(preview.content).hexdigest(), preview.headers["etag"]
    assert etag == (await signing.sheet(signer())).headers["etag"]
    other = await signing.put(signer(), {**body, "sha256": "0" * 64}, etag)
    assert (other.status_code, other.json()["code"]) == (409, "preview-differs")
    await signing.publish(later)
    changed = await signing.put(signer(), {**body, "sha256": digest}, etag)
    assert (changed.status_code, changed.json()["code"]) == (412, "sheet-changed")
    assert await signing.api.pool.fetchval("select count(*) from summary_versions") == 0


async def test_repeating_a_signature_is_harmless(signing: Signing) -> None:
    fact = a_fact()
    await signing.publish(fact)
    body = signing.body(fact.id)
    preview = await signing.preview(signer(), body)
    signed = {**body, "sha256": hashlib.sha256(preview.content).hexdigest()}
    answers = [await signing.put(signer(), signed, preview.headers["etag"]) for _ in range(2)]
    assert len({answer.json()["deposit_id"] for answer in answers}) == 1
    assert await signing.api.pool.fetchval("select count(*) from summary_versions") == 1


async def test_what_is_masked_changes_nothing_of_what_is_signed(signing: Signing) -> None:
    fact = a_fact()
    await signing.publish(fact)
    body = signing.body(fact.id)
    before = await signing.preview(signer(), body)
    await signing.publish(a_fact(code="I10"), labels=("N", "MASQUE_PS"), text_only=7)
    after = await signing.preview(signer(), body)
    assert after.content == before.content
    assert after.headers["etag"] != before.headers["etag"], "the médecin traitant sees what is masked"


async def test_a_rejected_line_stays_and_a_doctors_own_line_is_shown(signing: Signing) -> None:
    fact = a_fact(code="J45")
    await signing.publish(fact)
    statement = {
        "id": str(uuid4()),
        "chapter": "directives",
        "text": "Directives anticipées",
        "where": "chez le notaire",
    }
    await signing.sign(rejected=[{"id": str(fact.id), "reason": "erreur de personne"}], statements=[statement])
    reader = as_doctor(OTHER_DOCTOR)
    lines = await signing.lines(reader)
    rejected, stated = lines[fact.id], lines[UUID(statement["id"])]
    assert (rejected["state"], rejected["decisions"][0]["reason"]) == ("rejected", "erreur de personne")
    assert (stated["state"], stated["origin"], stated["where"], stated["sources"]) == (
        *("confirmed", "doctor", "chez le notaire", []),
    )
    await signing.publish(a_fact(code="J45"))
    [again] = [line for line in (await signing.lines(reader)).values() if line["chapter"] == "problems"]
    assert again["state"] == "proposed"


async def test_when_the_status_ends_lines_are_proposals_until_it_is_given_again(signing: Signing) -> None:
    fact = a_fact()
    await signing.publish(fact)
    await signing.sign(fact.id)
    reader = as_doctor(OTHER_DOCTOR)
    await signing.choose(attending_doctors=(SECOND,))
    line = (await signing.lines(reader))[fact.id]
    assert (line["state"], line["decisions"][0]["until"] is None) == ("proposed", False)
    ended_at = line["decisions"][0]["until"]
    await signing.choose(attending_doctors=())
    assert (await signing.lines(reader))[fact.id]["decisions"][0]["until"] == ended_at
    await signing.choose(attending_doctors=(ATTENDING,))
    line = (await signing.lines(reader))[fact.id]
    assert (line["state"], line["decisions"][0]["until"]) == ("confirmed", None)


async def test_when_the_patient_masks_a_source_its_line_and_the_version_are_gone(signing: Signing) -> None:
    fact, kept = a_fact(), a_fact()
    source = await signing.publish(fact)
    await signing.publish(kept)
    version = await signing.sign(fact.id, kept.id)
    patch = [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]
    headers = {**bearer(as_patient(signing.record)), "content-type": "application/json-patch+json"}
    masked = await signing.api.client.patch(f"/fhir/DocumentReference/{source}", json=patch, headers=headers)
    assert masked.status_code == 200, masked.text
    reader = as_doctor(OTHER_DOCTOR)
    assert {id: line["state"] for id, line in (await signing.lines(reader)).items()} == {kept.id: "confirmed"}
    assert (await signing.api.get(f"/fhir/Binary/{version}", reader)).status_code == 404
    assert (await signing.api.get(f"/fhir/Binary/{version}", signer())).status_code == 200
    again = await signing.preview(signer(), signing.body(fact.id))
    assert again.json()["code"] == "line-not-offered"


FORMATS = {
    "application/json": b'"lines"',
    "application/fhir+json": b'"resourceType":"Bundle"',
    "text/html": b"<!doctype html>",
    "application/pdf": b"%PDF",
    "text/xml": b"<ClinicalDocument",
}


@pytest.mark.parametrize("media_type", sorted(FORMATS))
async def test_a_sheet_is_given_in_each_format_and_named_on_request(signing: Signing, media_type: str) -> None:
    await signing.publish(a_fact())
    path, headers = f"/records/{signing.record}/summary", {**bearer(as_doctor(OTHER_DOCTOR)), "accept": media_type}
    plain = await signing.api.client.get(path, headers=headers)
    assert (plain.status_code, plain.headers["content-type"].partition(";")[0]) == (200, media_type)
    assert FORMATS[media_type].lower() in plain.content[:400].lower()
    named = await signing.api.client.post(f"{path}/document", json=person_of(SOMEBODY), headers=headers)
    assert named.status_code == 200
    name = str(traits_of(SOMEBODY).birth_name).encode()
    assert name not in plain.content
    assert media_type in ("application/json", "application/pdf") or name in named.content
    other = await signing.api.client.post(f"{path}/document", json=person_of(SOMEBODY_ELSE), headers=headers)
    assert (other.status_code, other.json().get("code")) == (422, "patient-mismatch")


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html, application/pdf;q=0.9", "text/html"),
        ("text/html;q=0.1, application/pdf", "application/pdf"),
        ("application/xml", "text/xml"),
        ("image/png, text/*", "text/html"),
        ("text/html;q=0", None),
        ("image/png", None),
    ],
)
async def test_accept_chooses_the_format(signing: Signing, accept: str, given: str | None) -> None:
    headers = {**bearer(as_patient(signing.record)), "accept": accept}
    answer = await signing.api.client.get(f"/records/{signing.record}/summary", headers=headers)
    assert answer.status_code == (406 if given is None else 200)
    assert given is None or answer.headers["content-type"].startswith(given)
