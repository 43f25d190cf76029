"""Who reads what: the fence, the facts, the trace before the bytes, and answers that tell nothing of what is hidden."""

import asyncio
import base64
from datetime import timedelta
from urllib.parse import unquote, urlencode
from uuid import UUID, uuid4

import httpx2
import pytest

from services.records.copies.store.reads import read_locked
from shared.contracts.audit import AccessRecorded
from shared.db.pool import TRANSIENT, is_transient, transaction
from shared.runtime import clock
from tests.infra.http.tokens import bearer, make_token, operator_token
from tests.infra.load.documents import Person
from tests.infra.platform.waiting import eventually
from tests.infra.records.records_api import (
    CLINIC,
    DOCTOR,
    OTHER_DOCTOR,
    TEXT,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    bundle_of,
    codes,
    document_ids,
    ins_of,
    times_held,
)

SOMEBODY, NOBODY = Person(81), Person(82)
CURRENT = {"status": "current"}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    """OTHER_DOCTOR is authorised; DOCTOR, who writes the documents, is not."""
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1, authorised=[OTHER_DOCTOR])
    return record_id


async def trace_of(api: RecordsApi, action: str = "read-document") -> AccessRecorded:
    searchset: AccessRecorded = [event for event in await api.announced(AccessRecorded) if event.action == action][-1]
    return searchset


def same_answer(first: httpx2.Response, second: httpx2.Response, *sent: UUID) -> bool:
    """To the byte, but for the trace's id and the ids that were sent."""
    contents = [first.content, second.content]
    for id in sent:
        contents = [content.replace(str(id).encode(), b"sent") for content in contents]
    headers = [{n: v for n, v in answer.headers.items() if n != "traceparent"} for answer in (first, second)]
    return (first.status_code, contents[0], headers[0]) == (second.status_code, contents[1], headers[1])


async def test_an_authorised_professional_reads_the_bytes_and_it_is_traced(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    answer = await api.get(f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR))
    assert (answer.status_code, answer.content) == (200, TEXT)
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-content-type-options"] == "nosniff"
    trace = await trace_of(api)
    assert (trace.record_id, trace.document_id, trace.outcome, trace.reason) == (
        record,
        document,
        "permitted",
        "authorised",
    )
    assert (trace.actor.kind, trace.actor.id, trace.state_version) == ("professional", OTHER_DOCTOR, 1)
    assert trace.seen == {"identity.records.v1": 1, "consent.states.v1": 1}


async def test_a_head_is_decided_and_traced_like_its_get(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    for caller, status in ((as_doctor(OTHER_DOCTOR), 200), (as_doctor(), 200), (as_doctor("899900000299"), 404)):
        answers = [
            await api.client.request(method, f"/fhir/Binary/{document}", headers=bearer(caller))
            for method in ("GET", "HEAD")
        ]
        assert [answer.status_code for answer in answers] == [status, status]
        assert answers[1].content == b""
        assert answers[1].headers["content-length"] == str(len(answers[0].content))
        first, second = [event for event in await api.announced(AccessRecorded) if event.record_id == record][-2:]
        assert first.action == second.action == "read-document"
        assert (first.actor, first.outcome, first.reason) == (second.actor, second.outcome, second.reason)


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("DocumentReference/{}?_format=xml", "*/*", 406),
        ("DocumentReference/{}", "application/fhir+xml", 406),
        ("DocumentReference/{}?_format=json", "application/fhir+xml", 200),
        ("Binary/{}?_format=xml", "*/*", 406),
        ("Binary/{}", "application/fhir+xml", 406),
        ("Binary/{}", "application/pdf", 200),
        ("metadata?_format=xml", "*/*", 406),
        ("metadata?_format=application/fhir%2Bjson", "*/*", 200),
        ("DocumentReference?status=current&patient=Patient/{record}&_format=xml", "*/*", 406),
        ("Patient?identifier=a|b&_format=xml", "*/*", 406),
    ],
)
async def test_another_format_than_json_is_refused_before_anything_is_traced(
    api: RecordsApi, record: UUID, path: str, accept: str, status: int
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    before = len(await api.announced(AccessRecorded))
    answer = await api.get(f"/fhir/{path.format(document, record=record)}", as_doctor(OTHER_DOCTOR), accept=accept)
    assert answer.status_code == status, answer.text
    if status == 406:
        assert codes(answer) == ["not-acceptable"]
        assert len(await api.announced(AccessRecorded)) == before


async def test_a_form_may_state_the_format_of_its_answer(api: RecordsApi, record: UUID) -> None:
    for stated, status in (("xml", 406), ("json", 200)):
        answer = await api.search(as_patient(record), patient=str(record), status="current", _format=stated)
        assert answer.status_code == status


async def test_a_binary_is_a_resource_in_json_where_its_format_says_so(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    answer = await api.get(f"/fhir/Binary/{document}?_format=json", as_patient(record))
    assert answer.headers["content-type"] == "application/fhir+json"
    assert base64.b64decode(answer.json()["data"]) == TEXT


async def test_the_content_comes_as_a_fhir_binary_on_request(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    answer = await api.get(f"/fhir/Binary/{document}", as_patient(record), accept="application/fhir+json")
    binary = answer.json()
    assert (binary["resourceType"], binary["contentType"]) == ("Binary", "text/plain")
    assert base64.b64decode(binary["data"]) == TEXT


async def test_a_document_reference_shows_the_metadata(api: RecordsApi, record: UUID) -> None:
    deposit = a_deposit(SOMEBODY)
    [document] = await api.publish(deposit)
    answer = await api.get(f"/fhir/DocumentReference/{document}", as_patient(record))
    resource = answer.json()
    assert answer.headers["content-type"] == "application/fhir+json"
    assert (resource["id"], resource["status"]) == (str(document), "current")
    assert resource["masterIdentifier"]["value"] == deposit.unique_id
    attachment = resource["content"][0]["attachment"]
    assert (attachment["title"], attachment["size"]) == ("Consultation inventée", len(TEXT))
    assert attachment["url"] == f"Binary/{document}"
    assert resource["subject"]["identifier"]["value"] == SOMEBODY.ins
    trace = await trace_of(api, "find-documents")
    assert (trace.document_id, trace.reason) == (document, "own-record")


async def test_what_somebody_chose_to_hide_is_answered_like_what_does_not_exist(api: RecordsApi, record: UUID) -> None:
    [plain, masked] = await api.publish(
        a_deposit(SOMEBODY), a_deposit(SOMEBODY, content=b"masked", labels=("N", "MASQUE_PS"))
    )
    received = document_ids(await api.deposit(bundle_of(a_deposit(SOMEBODY))))[0]
    await api.choose(record, 2, authorised=[OTHER_DOCTOR, "899900000034"], blocked=["899900000034"])
    cases = [
        (plain, "899900000042", "not-authorised"),
        (plain, "899900000034", "blocked"),
        (masked, OTHER_DOCTOR, "masked"),
        (received, OTHER_DOCTOR, "not-published"),
    ]
    for path in ("Binary", "DocumentReference"):
        for document, reader, reason in cases:
            missing = await api.get(f"/fhir/{path}/{uuid4()}", as_doctor(reader))
            hidden = await api.get(f"/fhir/{path}/{document}", as_doctor(reader))
            assert (hidden.status_code, codes(hidden)) == (404, ["not-found"])
            assert same_answer(hidden, missing), reason
            trace = (await api.announced(AccessRecorded))[-1]
            assert (trace.outcome, trace.reason, trace.document_id) == ("refused", reason, document)


async def test_the_author_reads_an_own_masked_document_when_authorised(api: RecordsApi, record: UUID) -> None:
    [masked] = await api.publish(a_deposit(SOMEBODY, labels=("N", "MASQUE_PS")))
    await api.choose(record, 2, authorised=[DOCTOR])
    assert (await api.get(f"/fhir/Binary/{masked}", as_doctor(DOCTOR))).status_code == 200
    assert (await trace_of(api)).reason == "author"


async def test_the_patient_sees_the_own_record_but_what_is_invisible_to_the_patient(
    api: RecordsApi, record: UUID
) -> None:
    [plain, masked, invisible] = await api.publish(
        a_deposit(SOMEBODY),
        a_deposit(SOMEBODY, content=b"masked", labels=("N", "MASQUE_PS")),
        a_deposit(SOMEBODY, content=b"invisible", labels=("N", "INVISIBLE_PATIENT")),
    )
    token = as_patient(record)
    assert [
        (await api.get(f"/fhir/Binary/{document_id}", token)).status_code for document_id in (plain, masked, invisible)
    ] == [
        200,
        200,
        404,
    ]
    searchset = (await api.search(token, patient=str(record), **CURRENT)).json()
    assert {entry["resource"]["id"] for entry in searchset["entry"]} == {str(masked), str(plain)}
    assert searchset["total"] == 2


async def test_another_patient_sees_nothing_and_the_holder_can_see_who_tried(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    stranger = await api.open_record(NOBODY)
    assert (await api.get(f"/fhir/Binary/{document}", as_patient(stranger))).status_code == 404
    trace = await trace_of(api)
    assert (trace.record_id, trace.actor.id, trace.reason) == (record, str(stranger), "not-own-record")
    assert (await api.search(as_patient(stranger), patient=str(record), **CURRENT)).json()["total"] == 0


async def test_the_depositing_organisation_reads_its_own_in_any_state_and_no_others(
    api: RecordsApi, record: UUID
) -> None:
    [document] = document_ids(await api.deposit(bundle_of(a_deposit(SOMEBODY))))
    for reason in (None, "consent-opposed"):
        if reason:
            await api.decide(document, reason=reason)
        assert (await api.get(f"/fhir/Binary/{document}", as_software())).content == TEXT
        assert (await api.get(f"/fhir/Binary/{document}", as_software(CLINIC))).status_code == 404


async def test_kinds_that_may_never_read_are_forbidden_whatever_they_ask_for(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    for token in (operator_token(), make_token("administrator", "admin-1"), make_token("system", "system-1")):
        for path in (f"/fhir/Binary/{document}", f"/fhir/Binary/{uuid4()}", f"/fhir/DocumentReference/{document}"):
            answer = await api.get(path, token)
            assert (answer.status_code, codes(answer)) == (403, ["forbidden"])
        assert (await api.search(token, patient=str(record), **CURRENT)).status_code == 403
    assert {event.reason for event in await api.announced(AccessRecorded)} == {"kind-not-permitted"}


async def test_when_copies_are_too_old_professionals_get_503_whether_there_is_something_or_not(
    api: RecordsApi, record: UUID
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await api.be_fresh(clock.now() - timedelta(seconds=121))
    present, missing = [await api.get(f"/fhir/Binary/{id}", as_doctor(OTHER_DOCTOR)) for id in (document, uuid4())]
    assert (present.status_code, codes(present)) == (503, ["cannot-be-checked-now"])
    assert "retry-after" in present.headers
    assert same_answer(present, missing)
    searches = [{"patient": str(record)}, {"patient": str(uuid4())}, {"patient_identifier": token_of(NOBODY)}]
    for parameters in searches:
        assert (await api.search(as_doctor(OTHER_DOCTOR), **parameters, **CURRENT)).status_code == 503
    assert (await api.get(f"/fhir/Binary/{document}", as_patient(record))).status_code == 200
    assert (await api.get(f"/fhir/Binary/{document}", as_software())).status_code == 200


async def test_without_any_heartbeat_nothing_can_be_checked(api: RecordsApi, record: UUID) -> None:
    await api.pool.execute("delete from copy_watermarks")
    for id in ((await api.publish(a_deposit(SOMEBODY)))[0], uuid4()):
        assert (await api.get(f"/fhir/Binary/{id}", as_doctor(OTHER_DOCTOR))).status_code == 503


async def test_a_broken_copy_counts_as_too_old(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await api.pool.execute(
        "insert into broken_copies (topic, key, error_code) values ('consent.states.v1', $1, 'data-invalid')",
        str(record),
    )
    assert (await api.get(f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR))).status_code == 503
    assert (await api.get(f"/fhir/Binary/{document}", as_patient(record))).status_code == 200


def token_of(person: Person) -> str:
    ins = ins_of(person)
    return f"{ins.system}|{ins.matricule}"


async def test_a_professional_finds_by_ins_what_the_rules_permit(api: RecordsApi, record: UUID) -> None:
    [plain, _masked] = await api.publish(
        a_deposit(SOMEBODY), a_deposit(SOMEBODY, content=b"masked", labels=("N", "MASQUE_PS"))
    )
    await api.deposit(bundle_of(a_deposit(SOMEBODY)))
    answer = await api.search(as_doctor(OTHER_DOCTOR), patient_identifier=token_of(SOMEBODY), **CURRENT)
    searchset = answer.json()
    assert [entry["resource"]["id"] for entry in searchset["entry"]] == [str(plain)]
    assert searchset["entry"][0]["fullUrl"] == f"http://records.test/fhir/DocumentReference/{plain}"
    assert SOMEBODY.ins not in str(searchset["link"])
    trace = await trace_of(api, "find-documents")
    assert (trace.record_id, trace.outcome, trace.reason) == (record, "permitted", "authorised")


async def test_a_search_that_may_not_be_answers_like_an_unknown_patient_and_is_traced(
    api: RecordsApi, record: UUID
) -> None:
    await api.publish(a_deposit(SOMEBODY))
    await api.choose(record, 2, authorised=[DOCTOR], blocked=[DOCTOR])
    token, missing_id = as_doctor(DOCTOR), uuid4()
    for hidden_search, missing_search in (
        ({"patient_identifier": token_of(SOMEBODY)}, {"patient_identifier": token_of(NOBODY)}),
        ({"patient": f"Patient/{record}"}, {"patient": f"Patient/{missing_id}"}),
    ):
        hidden, missing = (
            await api.search(token, **hidden_search, **CURRENT),
            await api.search(token, **missing_search, **CURRENT),
        )
        assert hidden.json()["total"] == 0
        assert same_answer(hidden, missing, record, missing_id)
    traces = [event for event in await api.announced(AccessRecorded) if event.action == "find-documents"]
    assert [(trace.record_id, trace.reason) for trace in traces] == [(record, "blocked")] * 2


async def test_a_search_by_get_is_the_same(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    for query in (
        {"patient.identifier": token_of(SOMEBODY), "status": "current,superseded"},
        {"patient:identifier": token_of(SOMEBODY), "status": "http://hl7.org/fhir/document-reference-status|current"},
        {"patient": token_of(SOMEBODY), "status": "current", "_format": "json"},
    ):
        path = f"/fhir/DocumentReference?{httpx2.QueryParams(query)}"
        searchset = (await api.get(path, as_patient(record))).json()
        assert [entry["resource"]["id"] for entry in searchset["entry"]] == [str(document)]
    path = f"/fhir/DocumentReference?patient={record}&status=superseded"
    assert (await api.get(path, as_patient(record))).json()["total"] == 0


async def test_pages_follow_one_another_without_an_ins_in_their_address(api: RecordsApi, record: UUID) -> None:
    documents = [(await api.publish(a_deposit(SOMEBODY, content=b"%d" % n)))[0] for n in range(5)]
    token = as_patient(record)
    page = (await api.search(token, patient_identifier=token_of(SOMEBODY), _count="2", **CURRENT)).json()
    seen = [entry["resource"]["id"] for entry in page["entry"]]
    assert page["total"] == 5
    while link := next((link["url"] for link in page["link"] if link["relation"] == "next"), None):
        assert SOMEBODY.ins not in link
        page = (await api.get(link, token)).json()
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        assert page["total"] == 5
    assert seen == [str(document) for document in reversed(documents)]


def self_of(answer: httpx2.Response) -> str:
    [url] = [link["url"] for link in answer.json()["link"] if link["relation"] == "self"]
    return unquote(url)


async def test_a_search_for_none_gives_the_total_only(api: RecordsApi, record: UUID) -> None:
    for n in range(3):
        await api.publish(a_deposit(SOMEBODY, content=b"%d" % n))
    masked, _ = await api.publish(a_deposit(SOMEBODY, labels=("N", "MASQUE_PS")), a_deposit(SOMEBODY))
    for token, total in ((as_patient(record), 5), (as_doctor(OTHER_DOCTOR), 4)):
        answer = await api.search(token, patient=str(record), _count="0", **CURRENT)
        assert (answer.json()["total"], "entry" in answer.json()) == (total, False)
    traces = [event for event in await api.announced(AccessRecorded) if event.action == "find-documents"]
    assert len(traces) == 2, "a total is traced as a list is"
    assert (await api.search(as_patient(record), patient=str(masked), _count="0", **CURRENT)).json()["total"] == 0


async def test_the_link_self_holds_the_parameters_that_were_used(api: RecordsApi, record: UUID) -> None:
    base = "http://records.test/fhir/DocumentReference?"
    query = f"status=current&subject=Patient/{record}&_count=2&_pretty=true"
    path = f"/fhir/DocumentReference?{query}"
    assert codes(await api.get(path, as_patient(record))) == ["search-invalid"]
    lenient = await api.get(path, as_patient(record), prefer="handling=lenient")
    assert self_of(lenient) == f"{base}patient=Patient/{record}&status=current&_count=2"
    await api.publish(a_deposit(SOMEBODY))
    by_ins = await api.search(as_patient(record), patient_identifier=token_of(SOMEBODY), **CURRENT)
    assert self_of(by_ins) == f"{base}patient=Patient/{record}&status=current"


async def test_an_ins_that_was_kept_out_of_the_url_is_kept_out_of_the_links(api: RecordsApi) -> None:
    token = as_doctor(OTHER_DOCTOR)
    posted = await api.search(token, patient_identifier=token_of(NOBODY), **CURRENT)
    assert self_of(posted) == "http://records.test/fhir/DocumentReference?status=current"
    query = urlencode({"patient.identifier": token_of(NOBODY), **CURRENT})
    got = await api.get(f"/fhir/DocumentReference?{query}", token)
    assert token_of(NOBODY) in self_of(got)
    assert NOBODY.ins not in posted.text


async def test_a_search_that_lacks_something_says_what_to_do(api: RecordsApi) -> None:
    someone = str(uuid4())
    wrong: list[dict[str, str]] = [
        {},
        {"patient": "x"},
        {"status": "current"},
        {"patient": "x", "status": "current"},
        {"patient": "urn:oid:1.2.250.1.213.1.4.10|12", "status": "current"},
        {"patient": "urn:oid:1.2.250.1.213.1.4.2|277076322082910", "status": "current"},
        {"patient": someone, "status": "active"},
        {"patient": someone, "status": "current", "_count": "-1"},
        {"patient": f"https://elsewhere.example/fhir/Patient/{someone}", "status": "current"},
        {"patient": f"Practitioner/{someone}", "status": "current"},
        {"patient": someone, "subject": someone, "status": "current"},
        {"patient:missing": "true", "status": "current"},
        {"patient": someone, "status": "current", "_count": "٣"},
        {"patient": someone, "status": "current", "_after": "x"},
        {"patient": someone, "status": "current", "facility": "SA01"},
        {"patient": someone, "patient.identifier": "urn:oid:1.2.250.1.213.1.4.10|1", "status": "current"},
    ]
    for parameters in wrong:
        posted = await api.search(as_doctor(), **parameters)
        got = await api.get(f"/fhir/DocumentReference?{httpx2.QueryParams(parameters)}", as_doctor())
        for answer in (posted, got):
            assert (answer.status_code, codes(answer)) == (400, ["search-invalid"]), parameters


async def test_an_emergency_without_a_motive_is_refused_and_traced_in_its_mode(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    token = make_token("professional", OTHER_DOCTOR, profession="10", mode="bris_de_glace")
    answer = await api.get(f"/fhir/Binary/{document}", token)
    assert answer.status_code == 403
    trace = await trace_of(api)
    assert (trace.mode, trace.outcome, trace.reason) == ("bris_de_glace", "refused", "motive-missing")


async def test_software_does_not_search(api: RecordsApi, record: UUID) -> None:
    assert (await api.search(as_software(), patient=str(record), **CURRENT)).status_code == 403


async def test_the_trace_is_committed_before_the_content_is_read(api: RecordsApi, record: UUID) -> None:
    """With the contents out of reach the access stands in the ledger all the same."""
    [document] = await api.publish(a_deposit(SOMEBODY))
    await api.pool.execute("delete from contents")
    answer = await api.get(f"/fhir/Binary/{document}", as_patient(record))
    assert answer.status_code == 404
    assert (await trace_of(api)).outcome == "permitted"


async def test_once_a_choice_is_in_force_no_read_under_the_older_one_can_follow(api: RecordsApi, record: UUID) -> None:
    """A choice waits for the reads under way; a read that comes while it is applied waits and sees it."""
    [document] = await api.publish(a_deposit(SOMEBODY))
    async with api.pool.acquire() as reader:
        async with read_locked(reader):
            await reader.execute("select id from records where id = $1 for share", record)
            blocking = asyncio.create_task(api.choose(record, 2, authorised=[OTHER_DOCTOR], blocked=[OTHER_DOCTOR]))
            await eventually(lambda: someone_waits(api))
            assert not blocking.done()
        await blocking
    assert (await api.get(f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR))).status_code == 404
    async with transaction(api.pool) as applier:
        await applier.execute("select id from records where id = $1 for update", record)
        unblock = "update consent_states set state = jsonb_set(state, '{blocked}', '[]') where record_id = $1"
        await applier.execute(unblock, record)
        before = times_held()
        reading = asyncio.create_task(api.get(f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR)))
        await eventually(lambda: tried_since(before))
    assert (await reading).status_code == 200, "it saw what was committed while it waited"


async def tried_since(before: float) -> bool:
    return times_held() > before


async def test_a_record_that_is_held_keeps_nobody_from_another(api: RecordsApi, record: UUID) -> None:
    """More readers and changers of the one wait than there are connections; the others are answered as ever."""
    [held] = await api.publish(a_deposit(SOMEBODY))
    other = await api.open_record(NOBODY)
    [document] = await api.publish(a_deposit(NOBODY))
    token, change = as_patient(record), b'[{"op": "replace", "path": "/status", "value": "entered-in-error"}]'
    headers = {**bearer(token), "content-type": "application/json-patch+json"}
    async with transaction(api.pool) as holder:
        await holder.execute("select from records where id = $1 for update", record)
        paths = (f"/fhir/Binary/{held}", f"/fhir/DocumentReference/{held}")
        requests = [api.get(path, token) for path in paths for _ in range(10)]
        requests += [api.search(token, patient=str(record), **CURRENT) for _ in range(10)]
        requests += [api.client.patch(paths[1], content=change, headers=headers) for _ in range(10)]
        waiting = [asyncio.create_task(request) for request in requests]
        before = times_held()
        await eventually(lambda: tried_since(before + len(waiting)))
        for _ in range(5):
            answer = await api.get(f"/fhir/Binary/{document}", as_patient(other))
            assert answer.status_code == 200
        refused = await asyncio.gather(*waiting)
    assert {(refusal.status_code, *codes(refusal)) for refusal in refused} == {(503, "cannot-be-checked-now")}
    assert {refusal.headers["retry-after"] for refusal in refused} == {"30"}
    assert (await api.get(paths[0], token)).status_code == 200


async def someone_waits(api: RecordsApi) -> bool:
    query = """
    select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"""
    return bool(await api.pool.fetchval(query))


async def test_a_reader_that_hangs_is_cut_off_and_lets_the_choice_pass(api: RecordsApi, record: UUID) -> None:
    started = asyncio.get_running_loop().time()

    async def hang() -> None:
        async with api.pool.acquire() as reader, read_locked(reader):
            await reader.execute("select id from records where id = $1 for share", record)
            await api.choose(record, 2, authorised=[OTHER_DOCTOR])
            assert 1 < asyncio.get_running_loop().time() - started < 15, "it waited for the reader's time to be over"
            await reader.fetchval("select 1")

    with pytest.raises(TRANSIENT) as cut_off:
        await hang()
    assert is_transient(cut_off.value), "the reader is told to try again"


async def test_metadata_needs_no_token(api: RecordsApi) -> None:
    answer = await api.client.get("/fhir/metadata")
    statement = answer.json()
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
