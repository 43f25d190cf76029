"""The holder and representatives get certificates of what they may see, from documents that professionals signed."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from services.records.certificates.context import CertificateContext, CertificatesOffError, card_issuer
from services.records.certificates.domain.card_content import cards_in
from services.records.certificates.domain.verification import CardVerifier, CertificateRevokedError, VerifiedCard
from services.records.clinical_facts.domain.codec import encode_block
from services.records.clinical_facts.domain.extraction import extract
from services.records.clinical_facts.domain.sealed_blocks import seal_block
from services.records.copies.store.records import find_record_by_id
from services.records.revocations.domain import RevocationList, source_of
from shared.contracts.audit import AccessRecorded
from shared.db.pool import transaction
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from shared.terminology.documents import document_type
from shared.terminology.visibility import Visibility
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.records import structured_cdas as cda
from tests.infra.records.certificates import ISSUER, KEYS
from tests.infra.records.mixes import acting
from tests.infra.records.records_api import RING, RecordsApi, a_deposit, as_doctor, as_patient, as_software, named

SOMEBODY, ANOTHER = Person(87), Person(88)
REPRESENTATIVE, CARER = uuid4(), uuid4()
MEASLES, TETANUS = ("J07BD52", "20250301", "LOT-M"), ("J07AM01", "20240610", "LOT-T")
PLACE = "/certificates/.well-known"
NOTE = "11369-6"
INSERT_BLOCK = """
insert into fact_blocks (bucket, record_id, fact_group, document_id, extractor_version, block)
values ($1, $2, 'summary', $3, 1, $4)"""


@dataclass
class Certificates:
    """The API of records with the record of SOMEBODY, whose vaccination notes it publishes."""

    api: RecordsApi
    record: UUID

    async def publish(
        self,
        *doses: tuple[str, str, str],
        unique_id: UUID | None = None,
        replaces: UUID | None = None,
        **changed: Any,
    ) -> UUID:
        """Publishes a note with these doses (ATC code, day, lot) and stores its facts, as their extraction does."""
        entries = [
            cda.treatment(
                cda.time(day),
                cda.product(f"{cda.code('code', atc, cda.ATC, 'Vaccin')}<lotNumberText>{lot}</lotNumberText>"),
                numbers=["45"],
                negated=False,
            )
            for atc, day, lot in doses
        ]
        unique_id = unique_id or uuid4()
        content = cda.a_structured_cda(
            cda.section("147", *entries), person=SOMEBODY, unique_id=unique_id, type_code=NOTE, replaces=replaces
        )
        stated = {"content_type": "text/xml", "type": document_type(NOTE), "unique_id": f"urn:uuid:{unique_id}"}
        stated |= {} if replaces is None else {"replaces": f"urn:uuid:{replaces}"}
        [document] = await self.api.publish(a_deposit(SOMEBODY, content=content, **{**stated, **changed}))
        async with transaction(self.api.pool) as connection:
            copy = await find_record_by_id(connection, self.record)
            assert copy is not None
            key = self.api.vault.unwrap(self.record, copy.key)
            block = encode_block(extract(content, "text/xml", document).facts)
            sealed = seal_block(key, document, "summary", block)
            await connection.execute(INSERT_BLOCK, bucket_of(self.record), self.record, document, sealed)
        return document

    async def ask(
        self, token: str | None = None, *, person: Person = SOMEBODY, form: str = "card", **chosen: Any
    ) -> httpx2.Response:
        """Asks for a certificate, as the holder and about measles unless another is named."""
        named_person = {
            "birth_name": person.birth_name,
            "given_name": person.given_name,
            "birth_date": person.birth_date.isoformat(),
        }
        path = f"/records/{self.record}/certificates?format={form}"
        headers = bearer(token or as_patient(self.record))
        body = {**named_person, **(chosen or {"disease": "measles"})}
        return await self.api.client.post(path, json=body, headers=headers)

    async def verify(self, answer: httpx2.Response) -> VerifiedCard:
        """Verifies the card of an answer with what is published now."""
        assert answer.status_code == 200, answer.text
        jwks = (await self.api.client.get(f"{PLACE}/jwks.json")).json()
        listed = RevocationList.parse((await self.api.client.get(f"{PLACE}/crl/{KEYS.active}.json")).json())
        (card,) = cards_in(answer.content)
        return CardVerifier({ISSUER: jwks}, {(ISSUER, KEYS.active): listed}).verify(card, clock.now())

    async def entries(self) -> list[AccessRecorded]:
        """Returns the entries of the ledger about certificates."""
        events = await self.api.announced(AccessRecorded)
        return [event for event in events if event.action == "issue-certificate"]


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Returns the status and the code of an error."""
    return answer.status_code, answer.json()["code"]


@pytest.fixture
async def certificates(api: RecordsApi) -> Certificates:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1)
    await api.name_people(record, 1, representatives=[named(REPRESENTATIVE)], carers=[named(CARER, "carer")])
    return Certificates(api, record)


async def test_the_holder_gets_the_doses_against_a_disease_and_the_ledger_each_source(
    certificates: Certificates,
) -> None:
    note, other = await certificates.publish(MEASLES, TETANUS), await certificates.publish(TETANUS)
    answer = await certificates.ask()
    assert answer.headers["content-type"] == "application/smart-health-card"
    assert answer.headers["content-disposition"] == 'attachment; filename="certificate.smart-health-card"'
    card = await certificates.verify(answer)
    assert (card.name, card.birth_date) == (f"{SOMEBODY.given_name} {SOMEBODY.birth_name}", SOMEBODY.birth_date)
    assert [(dose.day, dose.codes[0][1]) for dose in card.doses] == [(date(2025, 3, 1), "03")]
    [entry] = await certificates.entries()
    source = source_of(entry)
    assert source is not None
    assert (entry.outcome, entry.reason, source.document_id, source.rid) == ("permitted", "own-record", note, card.rid)
    assert other != note
    stored = [dict(row) for row in await certificates.api.pool.fetch("select * from certificate_sources")]
    assert [(row["document_id"], row["rid"]) for row in stored] == [(note, card.rid)]
    kept = json.dumps([stored, entry.model_dump(mode="json")], default=str)
    assert not [word for word in (SOMEBODY.birth_name, "J07BD52", "measles", "2025-03-01") if word in kept]


async def test_a_page_and_a_picture_are_certificates_of_their_own(certificates: Certificates) -> None:
    await certificates.publish(MEASLES)
    page, vector, picture = [await certificates.ask(form=form) for form in ("pdf", "svg", "png")]
    assert [answer.headers["content-type"] for answer in (page, vector, picture)] == [
        *("application/pdf", "image/svg+xml", "image/png"),
    ]
    assert page.content.startswith(b"%PDF")
    assert picture.content.startswith(b"\x89PNG")
    assert len({entry.subject_id for entry in await certificates.entries()}) == 3


async def test_a_representative_gets_certificates_and_nobody_else_does(certificates: Certificates) -> None:
    await certificates.publish(MEASLES)
    record = certificates.record
    card = await certificates.verify(await certificates.ask(acting("representative", REPRESENTATIVE, record)))
    assert card.doses
    refused = {
        "carer": (acting("carer", CARER, record), 403),
        "stranger": (acting("representative", uuid4(), record), 404),
        "another patient": (as_patient(uuid4()), 404),
        "doctor": (as_doctor(), 403),
        "software": (as_software(), 403),
    }
    for who, (token, status) in refused.items():
        assert (await certificates.ask(token)).status_code == status, who
    outcomes = [(entry.actor.kind, entry.outcome) for entry in await certificates.entries()]
    assert [outcome for _, outcome in outcomes] == ["permitted", *["refused"] * 5]


async def test_a_certificate_names_the_person_of_the_record_alone(certificates: Certificates) -> None:
    await certificates.publish(MEASLES)
    answer = await certificates.ask(person=ANOTHER)
    assert refusal(answer) == (422, "holder-mismatch")
    [entry] = await certificates.entries()
    assert (entry.outcome, entry.reason) == ("refused", "holder-mismatch")
    assert ANOTHER.birth_name not in answer.text


@pytest.mark.parametrize("name", ["{} 1er", "{}\n", "{}_", "M. {}.", "{} ☺", "{}, président"])
async def test_a_name_is_certified_without_what_a_comparison_passes_over(certificates: Certificates, name: str) -> None:
    await certificates.publish(MEASLES)
    body: dict[str, Any] = {"birth_name": name.format(SOMEBODY.birth_name)}
    assert (await certificates.ask(disease="measles", **body)).status_code == 422


async def test_what_the_caller_may_not_see_is_not_certified_and_looks_like_nothing(certificates: Certificates) -> None:
    nothing = await certificates.ask()
    assert refusal(nothing) == (422, "no-certifiable-dose")
    await certificates.publish(MEASLES, labels=("N", Visibility.INVISIBLE_TO_PATIENT.value))
    assert (await certificates.ask()).json() == nothing.json()
    await certificates.publish(MEASLES, labels=("N", Visibility.INVISIBLE_TO_REPRESENTATIVES.value))
    representative = acting("representative", REPRESENTATIVE, certificates.record)
    assert (await certificates.ask(representative)).json() == nothing.json()
    assert (await certificates.ask()).status_code == 200


async def test_a_mask_hides_nothing_from_the_holder(certificates: Certificates) -> None:
    await certificates.publish(MEASLES, labels=("N", Visibility.MASKED.value))
    assert (await certificates.verify(await certificates.ask())).doses


async def test_an_earlier_version_of_a_document_certifies_nothing(certificates: Certificates) -> None:
    first = uuid4()
    await certificates.publish(MEASLES, unique_id=first)
    answer = await certificates.ask()
    await certificates.publish(TETANUS, replaces=first)
    assert refusal(await certificates.ask()) == (422, "no-certifiable-dose")
    assert (await certificates.ask(disease="tetanus")).status_code == 200
    with pytest.raises(CertificateRevokedError):
        await certificates.verify(answer)


async def test_a_deleted_source_revokes_the_certificate(certificates: Certificates) -> None:
    note = await certificates.publish(MEASLES)
    answer = await certificates.ask()
    card = await certificates.verify(answer)
    delete = {"op": "replace", "path": "/status", "value": "entered-in-error"}
    headers = {**bearer(as_doctor()), "content-type": "application/json-patch+json"}
    path = f"/fhir/DocumentReference/{note}"
    await certificates.api.client.patch(path, content=orjson.dumps([delete]), headers=headers)
    with pytest.raises(CertificateRevokedError):
        await certificates.verify(answer)
    assert card.rid is not None
    assert (await certificates.ask()).status_code == 422


async def test_the_persons_other_record_certifies_its_own_doses(certificates: Certificates) -> None:
    api, record = certificates.api, certificates.record
    await certificates.publish(MEASLES)
    other = await api.open_record(ANOTHER, linked_to=record)
    await api.open_record(SOMEBODY, record_id=record, linked_to=other)
    await api.choose(other, 1)
    assert (await certificates.ask()).status_code == 200
    elsewhere = Certificates(api, other)
    assert refusal(await elsewhere.ask(as_patient(record), person=ANOTHER)) == (422, "no-certifiable-dose")


@pytest.mark.parametrize(
    "chosen",
    [
        {"disease": None},
        {"disease": "unknown"},
        {"disease": "measles", "doses": [str(uuid4())]},
        {"doses": []},
    ],
)
async def test_a_selection_is_a_known_disease_or_doses(certificates: Certificates, chosen: dict[str, Any]) -> None:
    assert refusal(await certificates.ask(**chosen)) == (422, "dose-selection-invalid")


def test_an_installation_without_an_issuer_issues_nothing() -> None:
    with pytest.raises(CertificatesOffError):
        card_issuer(CertificateContext(None, RING))


async def test_doses_of_other_ids_are_certified_by_nobody(certificates: Certificates) -> None:
    await certificates.publish(MEASLES)
    assert refusal(await certificates.ask(doses=[str(uuid4())])) == (422, "no-certifiable-dose")
