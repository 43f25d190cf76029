"""Quarantine keeps for the depositor alone, for a while, within limits, and nothing of persons without a record."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from services.records.business_acknowledgements.adapters import MllpSender
from services.records.deposits.domain.submissions import TraitsMismatchError
from services.records.deposits.usecases.quarantine_doors import FHIR
from services.records.erasure.steps import erase_record
from services.records.kit.keys import KeySettings, make_keys
from services.records.loops import loops, sweep_quarantine
from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.domain.holdings import MEASURED_FOR_S, Holdings
from services.records.quarantine.domain.requests import RefusedRequest, open_request, organisation_key_id, seal_request
from services.records.quarantine.domain.rules import QuarantineRules
from services.records.quarantine.steps.keep_refused import keep_refused, organisation_key
from services.records.quarantine.store.submissions import find_submission
from services.records.quarantine.usecases.resend_due import mark_missed, resend_due
from services.records.settings import QuarantineSettings
from services.records.tracking.steps.depositor import depositor_of
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentReceived
from shared.crypto.keyring import SealBrokenError
from shared.crypto.vault import WrappedKey
from shared.db.key_rewrap import rewrap
from shared.fhir.write import FHIR_JSON
from shared.http.tokens import Caller
from shared.runtime.settings import PostgresSettings
from tests.infra.erasure.erasing import erase, tables_with
from tests.infra.http.tokens import bearer, make_token, patient_token, professional_token
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Database
from tests.infra.records.cdas import a_cda
from tests.infra.records.hl7v2_messages import MessageParts, MllpClient, pid
from tests.infra.records.mllp import MllpTarget
from tests.infra.records.quarantine import act, listed, only_one, outcomes, shown
from tests.infra.records.records_api import (
    CLINIC,
    DOCTOR,
    HOSPITAL,
    KEK,
    KEYS,
    RING,
    RecordsApi,
    a_deposit,
    as_software,
    bundle_of,
    codes,
    run_records_api,
    traits_of,
)

SOMEBODY, SOMEBODY_ELSE = Person(71), Person(72)
WRONG_NAME = replace(traits_of(SOMEBODY), birth_name="AUTRE")
SOFTWARE = depositor_of(
    Caller("software", "software-1", "software-1", frozenset({"documents.deposit"}), organisation_id=HOSPITAL)
)


def mistyped() -> bytes:
    """Returns a Bundle whose traits are wrong."""
    return bundle_of(a_deposit(SOMEBODY, traits=WRONG_NAME))


@pytest.fixture
async def keeping(database: Database) -> AsyncIterator[RecordsApi]:
    """An API whose national parameter keeps submissions about persons without a record."""
    async with run_records_api(database, quarantine=QuarantineSettings(unknown="keep", unknown_days=10)) as made:
        await made.be_fresh()
        yield made


async def test_another_organisation_and_the_patient_see_nothing(api: RecordsApi, record: UUID) -> None:
    await api.deposit(mistyped())
    kept = await only_one(api)
    assert await listed(api, CLINIC) == []
    assert (await api.get(f"/quarantine/{kept['id']}", as_software(CLINIC))).status_code == 404
    for verb in ("resendings", "removals"):
        [result] = (await act(api, verb, CLINIC, ids=[kept["id"]]))["results"]
        assert (result["outcome"], result["code"]) == ("refused", "not-found")
    removed = await api.client.delete(f"/quarantine/{kept['id']}", headers=bearer(as_software(CLINIC)))
    assert removed.status_code == 404
    for path in ("/quarantine", "/quarantine/causes", f"/quarantine/{kept['id']}"):
        assert (await api.get(path, patient_token(record))).status_code == 403
    assert await only_one(api) == kept


async def test_a_professional_of_the_organisation_corrects_and_resends(api: RecordsApi, record: UUID) -> None:
    await api.deposit(mistyped())
    kept = await only_one(api)
    colleague = bearer(professional_token(DOCTOR, organisation_id=HOSPITAL))
    stranger = bearer(professional_token(DOCTOR, organisation_id=CLINIC))
    assert (await api.client.get(f"/quarantine/{kept['id']}", headers=stranger)).status_code == 404
    body = {"ids": [kept["id"]], "fields": {"birth_name": SOMEBODY.birth_name}}
    await api.client.post("/quarantine/corrections", json=body, headers=colleague)
    answer = await api.client.post("/quarantine/resendings", json={"ids": [kept["id"]]}, headers=colleague)
    assert answer.json()["results"][0]["outcome"] == "done"
    [received] = await api.announced(DocumentReceived)
    assert received.actor.id == DOCTOR


async def test_nothing_is_kept_of_a_minor_s_secret_connection(api: RecordsApi, record: UUID) -> None:
    """Sent again outside of it, the document would be shown to the representatives."""
    token = make_token("professional", DOCTOR, profession="G15_10", organisation_id=HOSPITAL, mode="secret")
    headers = {**bearer(token), "content-type": FHIR_JSON}
    refused = await api.client.post("/fhir", content=mistyped(), headers=headers)
    assert codes(refused) == ["traits-mismatch"]
    assert await listed(api) == []


async def test_what_is_done_with_it_stands_in_the_ledger_before_anything_is_shown(
    api: RecordsApi, record: UUID
) -> None:
    await api.deposit(mistyped())
    kept = await only_one(api)
    await shown(api, kept["id"])
    await act(api, "corrections", ids=[kept["id"]], fields={"sex": "unknown"})
    await act(api, "resendings", ids=[kept["id"]])
    await act(api, "removals", ids=[kept["id"]])
    entries = [event for event in await api.announced(AccessRecorded) if event.action == "handle-quarantined"]
    assert [entry.reason for entry in entries] == ["shown", "corrected", "resent", "dropped"]
    assert {(entry.record_id, entry.actor.organisation_id, entry.subject_id) for entry in entries} == {
        (record, HOSPITAL, kept["id"])
    }


async def test_many_are_corrected_resent_and_dropped_at_once(api: RecordsApi, record: UUID) -> None:
    for _ in range(5):
        await api.deposit(mistyped())
    answer = await act(api, "corrections", cause="traits-mismatch", limit=3, fields={"birth_name": SOMEBODY.birth_name})
    assert len(answer["results"]) == 3
    rest = await act(
        api, "corrections", cause="traits-mismatch", after=answer["next"], fields={"birth_name": SOMEBODY.birth_name}
    )
    assert (len(rest["results"]), rest["next"]) == (2, None)
    some = [kept["id"] for kept in await listed(api)]
    assert await outcomes(api, "removals", ids=some[:1]) == [("done", None)]
    assert await outcomes(api, "resendings", door="fhir") == [("done", None)] * 4
    assert len(await api.announced(DocumentReceived)) == 4
    assert await listed(api) == []


async def test_a_list_is_read_page_by_page(api: RecordsApi, record: UUID) -> None:
    for _ in range(3):
        await api.deposit(mistyped())
    first = (await api.get("/quarantine?limit=2&cause=traits-mismatch", as_software())).json()
    second = (await api.get(first["next"], as_software())).json()
    assert (len(first["submissions"]), len(second["submissions"]), second["next"]) == (2, 1, None)
    assert await listed(api, door="cda") == []


async def test_of_a_person_without_an_open_record_the_code_alone_is_kept(
    api: RecordsApi, hospital: MllpClient, database: Database
) -> None:
    await api.open_record(SOMEBODY_ELSE, status="closed")
    message = MessageParts(SOMEBODY, (a_cda(SOMEBODY, uuid4()),)).encoded()
    assert (await hospital.send(message)).answer == "AE 207 902"
    verbs = MessageParts(SOMEBODY, (a_cda(SOMEBODY, uuid4()),), result="C", control_id="M-2").encoded()
    assert (await hospital.send(verbs)).answer == "AE 207 906"
    assert codes(await api.deposit(bundle_of(a_deposit(SOMEBODY_ELSE)))) == ["record-closed"]
    kept = await listed(api)
    assert {one["cause"] for one in kept} == {"record-unknown", "verb-mismatch", "record-closed"}
    assert {one["size"] for one in kept} == {None}
    assert await api.pool.fetchval("select count(*) from quarantined_persons") == 0
    assert await api.pool.fetchval("select count(*) from quarantined_submissions where body is not null") == 0
    assert (await shown(api, kept[0]["id"]))["fields"] == {}
    assert await outcomes(api, "resendings", ids=[kept[0]["id"]]) == [("refused", "body-not-kept")]


async def test_a_document_about_a_person_without_a_record_is_not_kept_under_another_s_ins(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    """PID names somebody with a record, the CDA somebody who may have refused one."""
    message = MessageParts(SOMEBODY, (a_cda(SOMEBODY_ELSE, uuid4()),)).encoded()
    assert (await hospital.send(message)).answer == "AE 207 904"
    assert (await only_one(api))["size"] is None


async def test_once_the_record_is_open_the_same_request_is_kept_whole(api: RecordsApi) -> None:
    body = mistyped()
    assert codes(await api.deposit(body)) == ["record-unknown"]
    assert (await only_one(api))["size"] is None
    record = await api.open_record(SOMEBODY)
    assert codes(await api.deposit(body)) == ["traits-mismatch"]
    kept = await only_one(api)
    assert (kept["cause"], kept["size"]) == ("traits-mismatch", len(body))
    await api.open_record(SOMEBODY, status="closed", record_id=record)
    assert codes(await api.deposit(body)) == ["record-closed"]
    assert (await only_one(api))["size"] is None
    assert await api.pool.fetchval("select count(*) from quarantined_persons") == 0


async def test_with_the_parameter_keep_it_is_sent_again_by_itself_when_the_record_opens(keeping: RecordsApi) -> None:
    api = keeping
    target = MllpTarget(api, None, 0)  # type: ignore[arg-type]  # registers a client; nothing listens
    await target.register("software-1")
    body = bundle_of(a_deposit(SOMEBODY))
    assert codes(await api.deposit(body)) == ["record-unknown"]
    kept = await only_one(api)
    assert kept["size"] == len(body)
    assert await _days_left(api) == 10
    assert await resend_due(api.quarantine) == 0
    record = await api.open_record(SOMEBODY)
    assert await resend_due(api.quarantine) == 1
    [received] = await api.announced(DocumentReceived)
    assert (received.record_id, received.client_id) == (record, "software-1")
    assert await listed(api) == []


async def test_what_was_stored_while_the_record_opened_is_not_forgotten(keeping: RecordsApi) -> None:
    api = keeping
    await MllpTarget(api, None, 0).register("software-1")  # type: ignore[arg-type]  # nothing listens
    await api.deposit(bundle_of(a_deposit(SOMEBODY)))
    await api.open_record(SOMEBODY)
    await api.pool.execute("update quarantined_submissions set resend_at = null")
    await loops(MllpSender(ssl.create_default_context), lambda _: api.quarantine, 24, api.vault)["resend-quarantined"](
        api.pool
    )
    assert await listed(api) == []


async def test_software_that_may_not_deposit_any_more_sends_nothing_again(keeping: RecordsApi) -> None:
    api = keeping
    target = MllpTarget(api, None, 0)  # type: ignore[arg-type]  # nothing listens
    await target.register("software-1")
    await api.deposit(bundle_of(a_deposit(SOMEBODY)))
    await target.register("software-1", status="inactive")
    await api.open_record(SOMEBODY)
    assert await resend_due(api.quarantine) == 1
    assert (await only_one(api))["cause"] == "forbidden"
    await mark_missed(api.quarantine)
    assert await resend_due(api.quarantine) == 0
    assert await api.announced(DocumentReceived) == []


async def _days_left(api: RecordsApi) -> int:
    days: int = await api.pool.fetchval(
        "select round(extract(epoch from expires_at - kept_at) / 86400)::integer from quarantined_submissions"
    )
    return days


async def test_an_erasure_destroys_what_is_about_the_person(
    api: RecordsApi, record: UUID, hospital: MllpClient
) -> None:
    await api.deposit(mistyped())
    corrected = (await only_one(api))["id"]
    await api.open_record(SOMEBODY_ELSE)
    ins = f"urn:oid:1.2.250.1.213.1.4.10|{SOMEBODY_ELSE.ins}"
    await act(api, "corrections", ids=[corrected], fields={"ins": ins})
    message = MessageParts(SOMEBODY, (a_cda(SOMEBODY, uuid4()),), pid=pid(SOMEBODY, birth_name="AUTRE")).encoded()
    await hospital.send(message)
    await api.deposit(bundle_of(a_deposit(SOMEBODY_ELSE, traits=WRONG_NAME)))
    assert len(await listed(api)) == 3
    await erase(api.pool, erase_record, record)
    [other] = await listed(api)
    assert other["id"] != corrected
    destroyed = await api.pool.fetchval("select destroyed ->> 'quarantined_submissions' from erased_records")
    assert destroyed == "2"
    await hospital.send(message)
    assert [one["size"] for one in await listed(api)] == [other["size"], None], "the person is unknown now"


async def test_an_erasure_finds_what_was_sent_under_a_former_ins_of_the_record(api: RecordsApi, record: UUID) -> None:
    await api.deposit(mistyped())
    await api.open_record(SOMEBODY_ELSE, record_id=record)
    await erase(api.pool, erase_record, record)
    assert await listed(api) == []


async def test_an_erasure_finds_by_fingerprint_what_was_kept_before_the_record_was_known(keeping: RecordsApi) -> None:
    await keeping.deposit(bundle_of(a_deposit(SOMEBODY)))
    old_ring = replace(RING, keys=dict(list(RING.keys.items())[1:]))
    record = await keeping.open_record(SOMEBODY, ring=old_ring)
    await erase(keeping.pool, erase_record, record)
    assert await listed(keeping) == []
    assert await keeping.pool.fetchval("select count(*) from quarantined_persons") == 0


async def test_no_trait_stands_in_clear_in_the_database(database: Database) -> None:
    async with run_records_api(database) as api:
        await api.open_record(SOMEBODY)
        await api.be_fresh()
        await api.deposit(mistyped())
        await only_one(api)
        for table in ("quarantined_submissions", "quarantined_persons", "organisation_keys", "outbox"):
            text = await api.pool.fetchval(f"select string_agg(line::text, ' ') from {table} as line")
            for part in (SOMEBODY.ins, SOMEBODY.birth_name, SOMEBODY.given_name, "AUTRE", "Consultation"):
                assert part not in (text or "")
                assert part.encode().hex() not in (text or "")


async def test_what_is_too_old_is_destroyed(api: RecordsApi, record: UUID) -> None:
    await api.deposit(mistyped())
    await api.deposit(mistyped())
    assert await api.pool.fetchval("select max(expires_at - kept_at) from quarantined_submissions") == timedelta(
        days=30
    )
    oldest = (await listed(api))[0]["id"]
    await api.pool.execute("update quarantined_submissions set expires_at = now() where id = $1", UUID(oldest))
    await sweep_quarantine_once(api)
    assert [one["id"] for one in await listed(api)] != [oldest]
    assert len(await listed(api)) == 1
    assert await api.pool.fetchval("select count(distinct quarantine_id) from quarantined_persons") == 1


async def sweep_quarantine_once(api: RecordsApi) -> None:
    """Runs one round of the loop, without its wait."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("services.records.loops.SWEEP_EVERY_S", 0)
        await sweep_quarantine(api.pool)


def kept_so_far(kept: str) -> float:
    return REGISTRY.get_sample_value("records_quarantined_total", {"door": "fhir", "kept": kept}) or 0


async def test_a_full_quarantine_keeps_the_code_alone_and_an_overfull_one_nothing(
    api: RecordsApi, record: UUID
) -> None:
    context = counted_anew(api, QuarantineRules(max_bodies=1, max_bytes=1_000_000))
    before = {kept: kept_so_far(kept) for kept in ("body", "code", "nothing")}
    for _ in range(12):
        await refuse(context, mistyped())
    rows = await listed(api)
    assert len(rows) == 11
    assert [row["size"] is None for row in rows] == [False, *[True] * 10]
    assert {kept: kept_so_far(kept) - count for kept, count in before.items()} == {"body": 1, "code": 10, "nothing": 1}


async def test_the_bytes_of_an_organisation_are_limited(api: RecordsApi, record: UUID) -> None:
    body = mistyped()
    context = counted_anew(api, QuarantineRules(max_bytes=len(body) + 10))
    await refuse(context, body)
    await refuse(context, mistyped())
    assert [row["size"] is None for row in await listed(api)] == [False, True]


async def test_what_is_kept_is_counted_again_after_some_seconds(api: RecordsApi, record: UUID) -> None:
    context = counted_anew(api, QuarantineRules(max_bodies=1))
    await refuse(context, mistyped())
    await act(api, "removals")
    loop = asyncio.get_running_loop()
    assert context.holdings.get(HOSPITAL, loop.time() + MEASURED_FOR_S) is None
    context = counted_anew(api, context.rules)
    await refuse(context, mistyped())
    assert [row["size"] is None for row in await listed(api)] == [False]


def counted_anew(api: RecordsApi, rules: QuarantineRules) -> QuarantineContext:
    """Returns the context of the API with other limits, and without a count of earlier tests."""
    return replace(api.quarantine, rules=rules, holdings=Holdings())


async def refuse(context: QuarantineContext, body: bytes) -> None:
    """Keeps a request as a door does that refused its traits."""
    await keep_refused(context, SOFTWARE, RefusedRequest(FHIR, body), TraitsMismatchError())


async def test_each_organisation_has_its_key_which_is_wrapped_anew(database: Database) -> None:
    async with run_records_api(database) as api:
        await api.be_fresh()
        await api.open_record(SOMEBODY)
        body = mistyped()
        await api.deposit(body)
        kept = await only_one(api)
        async with api.pool.acquire() as connection:
            of_hospital = await organisation_key(connection, api.quarantine, HOSPITAL)
            of_clinic = await organisation_key(connection, api.quarantine, CLINIC)
            submission = await find_submission(connection, HOSPITAL, UUID(kept["id"]))
        assert submission is not None
        assert submission.body is not None
        with pytest.raises(SealBrokenError):
            open_request(of_clinic, submission.id, submission.body)
        assert open_request(of_hospital, submission.id, submission.body).body == body
        [row] = await api.pool.fetch(
            "select kid, wrapped from organisation_keys where id = $1", organisation_key_id(HOSPITAL)
        )
        with pytest.raises(SealBrokenError):
            api.quarantine.keys.unwrap(organisation_key_id(CLINIC), WrappedKey(row["kid"], row["wrapped"]))
        with pytest.raises(SealBrokenError):
            open_request(of_hospital, uuid4(), seal_request(of_hospital, uuid4(), RefusedRequest(FHIR, b"")))
        new_kek = f"kek-2:{'D' * 42}A,{KEK}"
        plan = make_keys(KeySettings.model_validate({**KEYS, "kek": new_kek}))
        postgres = PostgresSettings.model_validate({"dsn": database.dsn})
        results = {result.column: result.done for result in await rewrap(postgres, "records", plan, lambda _: None)}
        assert results == {"record_keys.wrapped": 1, "organisation_keys.wrapped": 2}
    keys = KeySettings.model_validate({**KEYS, "kek": f"kek-2:{'D' * 42}A"})
    async with run_records_api(database, keys=keys) as api:
        assert (await shown(api, kept["id"]))["fields"]["birth_name"] == "AUTRE"


async def test_an_erased_record_s_id_stands_in_no_table_of_quarantine(database: Database) -> None:
    async with run_records_api(database) as api:
        await api.be_fresh()
        record = await api.open_record(SOMEBODY)
        await api.deposit(mistyped())
        assert "quarantined_persons" in await tables_with(database, [record])
        await erase(api.pool, erase_record, record)
        assert not {"quarantined_persons", "quarantined_submissions"} & await tables_with(database, [record])
