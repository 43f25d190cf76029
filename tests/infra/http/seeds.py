"""One record in each of the five APIs, and a token for each kind of actor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.consent.choices.context import ChoicesContext
from services.consent.choices.steps import copy_people, copy_records
from services.consent.copies.store import COPIED_TOPICS
from services.consent.matrices.domain import MatricesRules
from services.identity.clients.domain.scopes import MAX_SCOPES
from services.records.facts.context import ReadContext
from shared.contracts.identity import PeopleChanged
from shared.db.pool import Limits, transaction
from shared.http import app as frame
from shared.http.admission import Load
from shared.messaging.copies import raise_watermarks
from shared.runtime import clock
from tests.infra.audit import ledger
from tests.infra.audit.ledger import Ledger
from tests.infra.consent import consent_api
from tests.infra.http.apis import Api, all_apis
from tests.infra.http.tokens import bearer, make_token, operator_token, patient_token, software_token
from tests.infra.identity import accounts
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.messaging.plumbing import record_changed
from tests.infra.platform.databases import Databases
from tests.infra.records.records_api import (
    DOCTOR,
    HOSPITAL,
    a_deposit,
    bundle_of,
    deposit_id,
    document_ids,
    named,
    records_api_of,
    traits_of,
)

PATIENT = Limits(acquire_s=60, statement_s=60, grace_s=10)
PARENT, CARER = UUID(int=0x9001), UUID(int=0x9002)


def tokens(record_id: UUID) -> dict[str, str | None]:
    """Returns a token of each kind of actor, with access to the record where possible; None: without a token."""
    professional: dict[str, Any] = {"profession": "G15_10", "organisation_id": HOSPITAL}
    emergency: dict[str, Any] = {"mode": "bris_de_glace", "motive": "sealed", "sid": str(uuid4())}
    return {
        "patient": patient_token(record_id),
        "representative": make_token("representative", str(PARENT), record_id=record_id),
        "carer": make_token("carer", str(CARER), record_id=record_id),
        "professional": make_token("professional", DOCTOR, patient_present=record_id, **professional),
        "professional in an emergency": make_token("professional", DOCTOR, **emergency, **professional),
        "software": software_token("software-1", HOSPITAL, scope=" ".join(MAX_SCOPES["software"])),
        "administrator": make_token("administrator", "admin-1", scope=" ".join(MAX_SCOPES["administrator"])),
        "operator": operator_token(),
        "nobody": None,
    }


@dataclass(frozen=True)
class Seeded:
    """The record of a service, and the existing values by name of a parameter or member of a body."""

    record_id: UUID
    values_by_name: dict[str, Any]


async def seed_identity(api: Api) -> Seeded:
    api_under_test = accounts.IdentityApi(api.client, None, api.app.state.pool)  # type: ignore[arg-type] # nothing here reads the outbox
    record_id = await api_under_test.open_account()
    started = await api_under_test.start()
    challenge = started.json()["challenge_id"]
    values_by_name = {"identifier": accounts.MAIL, "password": accounts.PASSWORD, "challenge_id": challenge}
    return Seeded(
        record_id, {**values_by_name, "professional_id": DOCTOR, "structure_id": HOSPITAL, "organisation_id": HOSPITAL}
    )


async def seed_records(api: Api) -> Seeded:
    api_under_test = records_api_of(api.app, api.client)
    await api_under_test.be_fresh()
    record_id = await api_under_test.open_record(Person(91))
    await api_under_test.name_people(record_id, 1, representatives=(named(PARENT),), carers=(named(CARER),))
    await api_under_test.enter_professional(DOCTOR, "G15_10")
    await api_under_test.choose(record_id, 1, authorised=(DOCTOR,))
    answer = await api_under_test.deposit(bundle_of(a_deposit(Person(91))))
    [document_id] = document_ids(answer)
    await api_under_test.decide(document_id)
    wrong_traits = replace(traits_of(Person(91)), birth_name="AUTRE")
    assert (await api_under_test.deposit(bundle_of(a_deposit(Person(91), traits=wrong_traits)))).status_code == 422
    submission_id = await api.app.state.pool.fetchval("select id from quarantined_submissions")
    subject = f"urn:oid:1.2.250.1.213.1.4.10|{Person(91).ins}"
    documents = {"id": str(document_id), "document_id": str(document_id), "deposit_id": str(deposit_id(answer))}
    documents["submission_id"] = str(submission_id)
    weight = {"code": "WEIGHT", "value": 72.4, "measured_at": "2026-01-01T08:00:00Z"}
    headers = bearer(patient_token(record_id))
    entered = await api.client.post(f"/records/{record_id}/measures", json=weight, headers=headers)
    documents["measure_id"] = entered.json()["measure_id"]
    return Seeded(record_id, {**documents, "patient": str(record_id), "patient.identifier": subject})


async def seed_consent(api: Api) -> Seeded:
    record_id = uuid4()
    pool = api.app.state.pool
    people = PeopleChanged.model_validate(
        {
            "record_id": record_id,
            "version": 1,
            "representatives": (consent_api.person(PARENT),),
            "carers": (consent_api.person(CARER),),
        }
    )
    async with transaction(pool) as connection:
        await copy_records(connection, [message(record_changed(record_id))])
        await copy_people(connection, [message(people)])
        await raise_watermarks(connection, {(topic, 0): clock.now() for topic in COPIED_TOPICS})
    await consent_api.enter(pool)
    await consent_api.enter(pool, DOCTOR, profession="G15_10")
    ids = {"professional_id": DOCTOR, "holder_id": DOCTOR, "structure_id": "1750000001"}
    return Seeded(record_id, {**ids, "patient": str(record_id), "version": 1})


async def seed_audit(api: Api) -> Seeded:
    api_under_test = Ledger(api.client)
    await api_under_test.record()
    document_id = await api_under_test.document()
    event_id = await api_under_test.access(
        ledger.doctor(DOCTOR, HOSPITAL), "read-document", ledger.judged(ledger.reading()), document_id=document_id
    )
    return Seeded(api_under_test.record_id, {"event_id": str(event_id), "structure_id": HOSPITAL})


async def seed_notify(_: Api) -> Seeded:
    return Seeded(uuid4(), {})


SEEDS = {
    "identity": seed_identity,
    "records": seed_records,
    "consent": seed_consent,
    "audit": seed_audit,
    "notify": seed_notify,
}


@asynccontextmanager
async def fresh_apis(databases: Databases) -> AsyncIterator[dict[str, Api]]:
    """Runs the APIs without refusals for load or old copies, because such a 503 would hide other answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "ANSWER", PATIENT)
        async with all_apis(databases) as made:
            for api in made.values():
                api.app.state.load = Load()  # so that no neighbour counts
                api.app.state.max_copy_age = timedelta(days=1)
            provided = made["records"].app.state.provided
            context = provided[ReadContext]
            provided[ReadContext] = replace(context, rules=replace(context.rules, max_copy_age=timedelta(days=1)))
            provided = made["consent"].app.state.provided
            choices = provided[ChoicesContext]
            provided[ChoicesContext] = replace(choices, rules=replace(choices.rules, max_copy_age=timedelta(days=1)))
            provided[MatricesRules] = MatricesRules(notice=timedelta(days=1))
            yield made
