"""The API of records on a separate database: records and choices as its consumers apply them, and submissions."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from joserfc.jwk import OKPKey
from prometheus_client import REGISTRY

from services.identity.relations.domain.emergency_contacts import PersonToCall, people_to_call_event
from services.records.app import make_api
from services.records.copies.domain.copies import COPIED_TOPICS
from services.records.copies.steps import (
    apply_call_copies,
    apply_consent_copies,
    apply_people_copies,
    apply_profession_copies,
)
from services.records.deposits.steps.apply_deposit_decisions import apply_deposit_decisions
from services.records.facts.context import ReadContext
from services.records.kit.keys import KeySettings
from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.steps.record_openings import apply_record_openings
from services.records.reimbursements.steps.arrivals import FillContext
from services.records.settings import CertificateSettings, Settings, WarningSettings
from shared.contracts.base import Event
from shared.contracts.consent import ConsentStateChanged, DepositDecided
from shared.contracts.identity import (
    PeopleChanged,
    PersonNamed,
    ProfessionalChanged,
    RecordChanged,
    TraitFingerprints,
)
from shared.contracts.topics import CONSENT_MATRICES
from shared.crypto.fingerprints import ins_parts, trait_fingerprints
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.pool import Pool, transaction
from shared.fhir import iti65
from shared.fhir.submission import Author, AuthorKind
from shared.fhir.write import FHIR_JSON
from shared.messaging.copies import raise_watermarks
from shared.runtime import clock
from shared.runtime.settings import FreshnessSettings, HttpSettings, KafkaSettings, PostgresSettings
from shared.terminology import oids
from shared.terminology.documents import document_type
from shared.values import Ins, NationalProfessionalId, NationalStructureId, Sex, StrictTraits
from tests.infra.fhir.oracle import check_fhir
from tests.infra.http.routes import known_routes
from tests.infra.http.tokens import SETTINGS, TestKeys, bearer, patient_token, professional_token, software_token
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message, outbox
from tests.infra.platform.databases import Database
from tests.infra.records.certificates import CARD_KEYS, ISSUER

INS_HMAC = "hmac-2:" + "B" * 43 + ",hmac-1:" + "A" * 43
KEK = "kek-1:" + "C" * 43
INSURANCE = "insurance-1:" + "E" * 43
SIGNATURES = json.dumps(
    [OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(b"S" * 32), {"kid": "copies"}).as_dict(private=True)]
)
CALLS = "people-to-call-1:" + "F" * 43
REASONS = "reasons-1:" + "R" * 43
KEYS = {
    "reasons": REASONS,
    "ins_hmac": INS_HMAC,
    "kek": KEK,
    "people_to_call": CALLS,
    "insurance": INSURANCE,
    "signatures": SIGNATURES,
    "certificates": CARD_KEYS,
}
FILLING = FillContext(Vault(Keyring.parse(KEK)), Keyring.parse(INS_HMAC), Keyring.parse(INSURANCE), months=24)
"""What storing lines of reimbursement needs."""
RING = Keyring.parse(INS_HMAC)
CALL_RING = Keyring.parse(CALLS)
HOSPITAL, CLINIC = "1750000001", "1750000002"
DOCTOR, OTHER_DOCTOR = "899900000018", "899900000026"
_TABLES = (
    *("records", "record_fingerprints", "record_keys", "consent_states", "record_people", "people_to_call"),
    *("matrices", "professions"),
    *("deposits", "deposit_requests"),
    *("reimbursements", "reimbursement_keys", "reimbursement_histories", "reimbursement_files"),
    "reimbursement_rejections",
    "measures",
    *("organisation_deposits", "documents", "contents", "lost_documents"),
    *("quarantined_submissions", "exports", "export_parts", "reader_visits", "care_days_missing"),
    *("certificate_sources", "fact_blocks", "summary_versions", "warning_acknowledgements"),
    *("medicine_tables", "medicine_rejections", "medicines", "medicine_packages", "medicine_substances"),
    *("medicine_classes", "interactions", "interaction_members"),
    *("outbox", "inbox", "parked_messages", "copy_watermarks", "broken_copies"),
)
EMPTY = "".join(f"delete from {table};" for table in _TABLES)
TEXT = "Compte rendu inventé.\n".encode() * 50


def ins_of(person: Person) -> Ins:
    """Returns the invented person's test INS."""
    return Ins(person.ins, oids.INS_NIR_TEST)


def traits_of(person: Person) -> StrictTraits:
    """Returns the invented person's strict traits."""
    return StrictTraits(
        birth_name=person.birth_name,
        given_name=person.given_name,
        birth_date=person.birth_date.isoformat(),
        sex=Sex(person.sex),
        birth_place="99100",
    )


def a_deposit(person: Person, **changed: Any) -> iti65.Deposit:
    """Returns a consultation report as plain text, by DOCTOR, with a new identifier."""
    kind = document_type("11488-4")
    assert kind is not None
    moment = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
    deposit = iti65.Deposit(
        content=TEXT,
        content_type="text/plain",
        ins=ins_of(person),
        type=kind,
        title="Consultation inventée",
        creation=moment,
        period_start=moment,
        authors=(
            Author(
                AuthorKind.PROFESSIONAL, NationalProfessionalId(DOCTOR), NationalStructureId(HOSPITAL), "G15_10/SM26"
            ),
        ),
        custodian=NationalStructureId(HOSPITAL),
        unique_id=f"urn:uuid:{uuid4()}",
        traits=traits_of(person),
    )
    return replace(deposit, **changed)


def bundle_of(*deposits: iti65.Deposit) -> bytes:
    """Returns one submission of all these documents."""
    bundles = [orjson.loads(iti65.bundle(deposit)) for deposit in deposits]
    whole = bundles[0]
    for other in bundles[1:]:
        whole["entry"][0]["resource"]["entry"] += other["entry"][0]["resource"]["entry"]
        whole["entry"] += other["entry"][1:]
    return orjson.dumps(whole)


def changed_bundle(body: bytes, change: Any) -> bytes:
    """Returns the bundle after `change(bundle)`."""
    bundle = orjson.loads(body)
    change(bundle)
    return orjson.dumps(bundle)


@dataclass
class RecordsApi:
    """The API of records on a separate database, with the work of its consumers."""

    pool: Pool
    client: httpx2.AsyncClient
    vault: Vault
    quarantine: QuarantineContext
    versions: dict[UUID, int] = field(default_factory=dict)

    async def be_empty(self) -> None:
        """Empties the database, which is faster than a new one for each test (it has some 200 partitions and
        indexes)."""
        await self.pool.execute(EMPTY)
        self.versions.clear()

    async def open_record(self, person: Person, *, status: str = "open", ring: Keyring = RING, **fields: Any) -> UUID:
        """Applies identity's event of a record, with a raised version; `fields`: `record_id`, `linked_to`."""
        record_id: UUID = fields.get("record_id") or uuid4()
        self.versions[record_id] = self.versions.get(record_id, 0) + 1
        traits = TraitFingerprints(**trait_fingerprints(ring, record_id, traits_of(person).normalised()))
        event = RecordChanged(
            record_id=record_id,
            version=self.versions[record_id],
            status="open" if status == "open" else "closed",
            deceased=status == "deceased",
            ins=ring.fingerprint(*ins_parts(ins_of(person))),
            traits=traits,
            opened_at=clock.now(),
            linked_to=fields.get("linked_to"),
        )
        async with transaction(self.pool) as connection:
            await apply_record_openings(self.vault, connection, [message(event)])
        return record_id

    async def choose(
        self,
        record_id: UUID,
        version: int,
        *,
        authorised: Sequence[str] = (),
        blocked: Sequence[str] = (),
        **chosen: Any,
    ) -> None:
        """Applies consent's event of the patient's choices; `chosen`: further members of the event."""
        event = ConsentStateChanged(
            record_id=record_id,
            version=version,
            authorised=tuple(authorised),
            blocked=tuple(blocked),
            changed_at=clock.now(),
            **chosen,
        )
        async with transaction(self.pool) as connection:
            await apply_consent_copies(connection, [message(event)])

    async def name_people(self, record_id: UUID, version: int, **named: Any) -> None:
        """Applies identity's event of the record's people: `representatives`, `carers`, `is_minor`."""
        async with transaction(self.pool) as connection:
            event = PeopleChanged(record_id=record_id, version=version, **named)
            await apply_people_copies(connection, [message(event)])

    async def call(self, record_id: UUID, version: int, *people: PersonToCall) -> None:
        """Applies identity's event of whom to call."""
        async with transaction(self.pool) as connection:
            event = people_to_call_event(CALL_RING, record_id, version, people)
            await apply_call_copies(self.vault, CALL_RING, connection, [message(event)])

    async def enter_professional(
        self, professional_id: str, profession: str, version: int = 1, *, active: bool = True
    ) -> None:
        """Applies identity's event of a professional in the directory."""
        event = ProfessionalChanged(
            professional_id=professional_id,
            version=version,
            name="Dr Camille INVENTÉE",
            profession=profession,
            status="active" if active else "inactive",
        )
        async with transaction(self.pool) as connection:
            await apply_profession_copies(connection, [message(event)])

    async def be_fresh(self, at: datetime | None = None, *, partitions: int = 4) -> None:
        """Raises the watermarks of all partitions to `at`, by default now."""
        at = at or clock.now()
        topics = (*COPIED_TOPICS, CONSENT_MATRICES.name)
        async with transaction(self.pool) as connection:
            await connection.execute("delete from copy_watermarks where topic = any($1)", topics)
            await raise_watermarks(
                connection, {(topic, number): at for topic in topics for number in range(partitions)}
            )

    async def deposit(
        self, body: bytes, *, organisation: str = HOSPITAL, prefer: str | None = None, **headers: str
    ) -> httpx2.Response:
        """Sends POST /fhir."""
        headers = {**bearer(software_token("software-1", organisation)), "content-type": FHIR_JSON, **headers}
        if prefer is not None:
            headers["prefer"] = prefer
        return await self.client.post("/fhir", content=body, headers=headers)

    async def decide(self, *document_ids: UUID, reason: str = "feeding") -> None:
        """Applies consent's decisions on documents: permitted, or refused with another reason than `feeding`."""
        rows = await self.pool.fetch("select id, record_id, deposit_id from documents where id = any($1)", document_ids)
        messages = [message(decided(row["record_id"], row["id"], row["deposit_id"], reason=reason)) for row in rows]
        async with transaction(self.pool) as connection:
            await apply_deposit_decisions(connection, messages)

    async def publish(self, *deposits: iti65.Deposit, organisation: str = HOSPITAL) -> list[UUID]:
        """Deposits documents and applies consent's permission; returns their ids."""
        answer = await self.deposit(bundle_of(*deposits), organisation=organisation)
        assert answer.status_code == 200, answer.text
        ids = document_ids(answer)
        await self.decide(*ids)
        return ids

    async def get(self, path: str, token: str, **headers: str) -> httpx2.Response:
        """Sends GET."""
        return await self.client.get(path, headers={**bearer(token), **headers})

    async def search(self, token: str, **parameters: str) -> httpx2.Response:
        """Searches by POST _search; the parameter `patient_identifier` is sent as patient.identifier."""
        form = {name.replace("patient_identifier", "patient.identifier"): value for name, value in parameters.items()}
        return await self.client.post("/fhir/DocumentReference/_search", data=form, headers=bearer(token))

    async def announced(self, kind: type[Event]) -> list[Any]:
        """Returns the events of one type in the outbox."""
        return [event for event in await outbox(self.pool) if isinstance(event, kind)]


def times_held() -> float:
    """Returns the number of times that a request has found a record's row locked so far."""
    return REGISTRY.get_sample_value("held_records_total") or 0


def decided(
    record_id: UUID, document_id: UUID, deposit_id: UUID, *, reason: str = "feeding", seen: dict[str, int] | None = None
) -> DepositDecided:
    """Returns a decision of consent on a document."""
    return DepositDecided(
        record_id=record_id,
        document_id=document_id,
        deposit_id=deposit_id,
        organisation_id=HOSPITAL,
        outcome="permitted" if reason == "feeding" else "refused",
        reason=reason,
        rules_version="1",
        facts={},
        seen=seen or {},
        decided_at=clock.now(),
    )


def document_ids(answer: httpx2.Response) -> list[UUID]:
    """Returns the ids of the documents that a transaction-response names."""
    locations = [entry["response"].get("location", "") for entry in answer.json()["entry"]]
    return [
        UUID(location.removeprefix("DocumentReference/"))
        for location in locations
        if location.startswith("DocumentReference/")
    ]


def deposit_id(answer: httpx2.Response) -> UUID:
    """Returns the id of the deposit that Location names."""
    return UUID(answer.headers["location"].removeprefix("/deposits/"))


def codes(answer: httpx2.Response) -> list[str]:
    """Returns the stable codes of an OperationOutcome."""
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome", body
    return [issue["details"]["coding"][0]["code"] for issue in body["issue"]]


def named(
    person_id: UUID, kind: str = "mother", *, since: datetime | None = None, until: datetime | None = None
) -> Any:
    """Returns a person who may act for a holder, by default since an hour ago."""
    return PersonNamed.model_validate(
        {"person_id": person_id, "kind": kind, "from": since or clock.now() - timedelta(hours=1), "until": until}
    )


def as_doctor(professional_id: str = DOCTOR) -> str:
    """Returns a physician's token."""
    return professional_token(professional_id)


def as_patient(record_id: UUID) -> str:
    """Returns the holder's token."""
    return patient_token(record_id)


def as_software(organisation: str = HOSPITAL) -> str:
    """Returns the token of an organisation's software."""
    return software_token("software-1", organisation)


def settings_of(database: Database, **changed: Any) -> Settings:
    """Returns settings with this database."""
    values = {
        "postgres": PostgresSettings.model_validate({"dsn": database.dsn}),
        "kafka": KafkaSettings(bootstrap="127.0.0.1:9"),
        "tokens": SETTINGS,
        "http": HttpSettings(),
        "freshness": FreshnessSettings(heartbeat_s=0.2),
        "keys": KeySettings.model_validate(KEYS),
        "certificates": CertificateSettings(issuer=ISSUER),
        "warnings": WarningSettings(enabled=True),
    }
    return Settings(**{**values, **changed})


def read_context_of(app: FastAPI) -> ReadContext:
    """Returns the context of an app at work."""
    context: ReadContext = app.state.provided[ReadContext]
    return context


def records_api_of(app: FastAPI, client: httpx2.AsyncClient) -> RecordsApi:
    """Returns the API of an app at work."""
    quarantine: QuarantineContext = app.state.provided[QuarantineContext]
    return RecordsApi(app.state.pool, client, read_context_of(app).vault, quarantine)


@asynccontextmanager
async def run_records_api(database: Database, **changed: Any) -> AsyncIterator[RecordsApi]:
    """Runs the API of records over ASGI."""
    app = known_routes(make_api(settings_of(database, **changed), TestKeys()))
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=transport, base_url="http://records.test", event_hooks={"response": [check_fhir]}
        ) as client,
    ):
        yield records_api_of(app, client)
