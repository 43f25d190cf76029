"""A right reaches whoever it names, however the identifier was typed; what reaches nobody is refused or warned of."""

from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import asyncpg
import orjson
import pytest

from services.consent.choices.usecases.name_in_full import name_in_full
from shared.access import blocked_of
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.topics import CONSENT_DIRECTORY_COPIES, IDENTITY_PROFESSIONALS
from shared.db.migrate import migrate, migrations_of
from shared.db.pool import transaction
from shared.messaging.copies import raise_watermarks
from shared.runtime import clock
from tests.consent.authorisations.test_fhir import STRUCTURE, ask, consent
from tests.consent.choices.test_changes import attestation
from tests.infra.consent.consent_api import ConsentApi, Record, enter
from tests.infra.http.tokens import make_token, patient_token, professional_token, software_token
from tests.infra.platform.databases import APP, Database, fetch_row

DOCTOR, PHARMACIST, HOSPITAL = "899700000001", "899700000004", "1750000001"
PRINTED = "99700000001"
SEPARATED = ("997 0000 0001", "997-0000-0001", " 99700000001 ", "8 99700000001", "99700000001\u00a0", "997.0000.0001")
NINE, TOLD_APART = HOSPITAL[1:], "national-id-ambiguous"


async def put(record: Record, right: str, typed: str, body: Any = None, **more: Any) -> tuple[int, Any]:
    answer = await record.ask("PUT", f"{right}/{quote(typed, safe='')}", body, **more)
    return answer.status_code, answer.json()


async def latest(record: Record) -> ConsentStateChanged:
    return [event for event in await record.events() if isinstance(event, ConsentStateChanged)][-1]


async def test_a_block_reaches_the_doctor_however_the_number_was_typed(api: ConsentApi) -> None:
    for typed in (DOCTOR, PRINTED, *SEPARATED):
        await assert_blocked_by(await api.open_record(), typed)


async def assert_blocked_by(record: Record, typed: str) -> None:
    status, body = await put(record, "blocks", typed)
    assert (status, set(body)) == (202, {"version", "status"}), body
    assert blocked_of((await latest(record)).blocked, DOCTOR, None) == "professional"
    entry = (await record.entries())[-1]
    assert (entry.subject_id, entry.outcome) == (DOCTOR, "permitted")
    ended = await record.ask("DELETE", f"blocks/{quote(typed, safe='')}")
    assert (ended.status_code, (await latest(record)).blocked) == (202, ())


async def test_every_right_names_its_holder_in_full(record: Record) -> None:
    software = software_token("software-1", HOSPITAL)
    for right, typed, listed, holder in (
        ("authorisations", PRINTED, "authorised", DOCTOR),
        ("attending-doctors", PRINTED, "attending_doctors", DOCTOR),
        ("feeding-objections", NINE, "feeding_objections", HOSPITAL),
        ("blocks", NINE, "blocked", HOSPITAL),
    ):
        assert (await put(record, right, typed))[0] == 202, right
        assert (await record.choices())[listed] == [holder]
        assert (await record.ask("DELETE", f"{right}/{typed}")).status_code == 202
        assert (await record.choices())[listed] == []
    assert (await put(record, "attestations", NINE, attestation(), token=software))[0] == 202
    assert [authorisation["holder_id"] for authorisation in (await record.choices())["authorisations"]] == [HOSPITAL]
    assert (await record.ask("DELETE", f"attestations/{NINE}", token=software)).status_code == 202


async def test_a_professional_adds_the_own_authorisation_by_the_printed_number(record: Record) -> None:
    token = make_token("professional", DOCTOR, profession="10", patient_present=record.id)
    assert (await put(record, "authorisations", PRINTED, token=token))[0] == 202
    assert (await record.choices())["authorised"] == [DOCTOR]
    assert (await put(record, "authorisations", PHARMACIST[1:], token=token))[0] == 403


async def test_nine_characters_are_what_the_directory_knows_or_are_refused_with_the_forms(record: Record) -> None:
    status, body = await put(record, "blocks", "123456789")
    assert (status, body["code"]) == (422, TOLD_APART)
    assert all(form in body["detail"] for form in ("FINESS", "SIREN", "ADELI"))
    french = await record.ask("PUT", "blocks/123456789", accept_language="fr")
    assert (french.headers["content-language"], "annuaire" in french.json()["detail"]) == ("fr", True)
    await enter(record.api.pool, "2123456789")
    assert (await put(record, "blocks", "123456789"))[0] == 202
    assert (await record.choices())["blocked"] == ["2123456789"]
    await enter(record.api.pool, "1123456789")
    assert (await put(record, "feeding-objections", "123 456 789"))[1]["code"] == TOLD_APART
    assert (await record.ask("DELETE", "blocks/123456789")).status_code == 202, "who is blocked is who is meant"
    assert (await record.choices())["blocked"] == []


@pytest.mark.parametrize("typed", ["12345", "hospital", "9750000001", "é", "8" * 100, "997000000012"])
async def test_what_is_no_identifier_is_refused_and_changes_nothing(record: Record, typed: str) -> None:
    for right in ("blocks", "authorisations", "attending-doctors", "feeding-objections"):
        for method in ("PUT", "DELETE"):
            answer = await record.ask(method, f"{right}/{quote(typed, safe='')}")
            assert (answer.status_code, answer.json()["code"]) == (422, "national-id-invalid"), (right, method)
    assert (await record.choices())["version"] == 1
    assert {(entry.outcome, entry.reason, entry.subject_id) for entry in await record.entries()} == {
        ("refused", "national-id-invalid", None)
    }


async def test_a_right_of_structures_is_not_given_to_or_taken_from_a_professional(record: Record) -> None:
    assert (await put(record, "feeding-objections", DOCTOR))[1]["code"] == "national-id-invalid"
    assert (await put(record, "attending-doctors", HOSPITAL))[1]["code"] == "national-id-invalid"


async def test_whom_the_directory_does_not_know_the_choice_is_kept_for_with_a_warning(record: Record) -> None:
    status, body = await put(record, "blocks", "99900000999")
    assert (status, body["warning"].split(":")[0]) == (202, "The directory does not know this identifier")
    assert (await record.choices())["blocked"] == ["899900000999"]
    french = await record.ask("PUT", "blocks/99900000999", accept_language="fr")
    assert french.json()["warning"].startswith("L’annuaire ne connaît pas cet identifiant")
    created = await ask(record, "POST", body=consent(record.id, "99900000998"))
    assert created.status_code == 202
    assert "The directory does not know" in created.json()["text"]["div"]


async def test_an_identifier_that_the_directory_has_as_it_is_written_is_that_one(record: Record) -> None:
    await enter(record.api.pool, "3750000001.17", profession="G15_60")
    assert await put(record, "blocks", "3750000001.17") == (202, {"version": 2, "status": "on-its-way"})
    assert (await record.choices())["blocked"] == ["3750000001.17"]


async def test_a_consent_is_one_of_its_holder_however_the_identifier_is_written(record: Record) -> None:
    for typed, system, holder in ((PRINTED, None, DOCTOR), (f" {NINE}", STRUCTURE, HOSPITAL)):
        body = consent(record.id, typed, **{} if system is None else {"system": system})
        created = await ask(record, "POST", body=body)
        assert created.status_code == 202, created.text
        id = created.json()["id"]
        assert id == f"{record.id.hex}.{holder}"
        assert holder in (await record.choices())["authorised"]
        listed = await ask(record, "GET", params={"patient": f"Patient/{record.id}", "actor": typed.strip()})
        assert listed.json()["total"] == 1
        assert (await ask(record, "PUT", f"/{id}", body=body | {"status": "inactive"})).status_code == 202
    assert (await record.choices())["authorised"] == []


async def test_only_doctors_of_the_directory_are_named_as_medecin_traitant(record: Record) -> None:
    await enter(record.api.pool, "899700000003", version=2, status="inactive")
    for other in (PHARMACIST, "899700000002", "899700000003", "899900000777", PRINTED.replace("1", "9")):
        status, body = await put(record, "attending-doctors", other)
        assert (status, body["code"]) == (422, "attending-doctor-unknown"), other
    assert (await record.entries())[-1].reason == "attending-doctor-unknown"
    assert (await put(record, "attending-doctors", PRINTED))[0] == 202
    assert (await record.choices())["attending_doctors"] == [DOCTOR]


async def test_a_stranger_does_not_learn_from_identifiers_who_is_listed(record: Record) -> None:
    await record.api.pool.execute("update consent_states set choices = jsonb_set(choices, '{blocked}', '[\"12345\"]')")
    for token in (patient_token(UUID(int=7)), professional_token(DOCTOR)):
        answers = [await record.ask("DELETE", f"blocks/{typed}", token=token) for typed in ("12345", "12346")]
        assert answers[0].status_code in (403, 404)
        assert len({(answer.status_code, answer.content) for answer in answers}) == 1


FOLDER = Path(__file__).parents[3] / "services/consent/migrations"
FILLING = "consent/0007_post_fill_incomplete_states.sql"
OLD = {
    "blocked": [PRINTED, "750000002", "123456789", DOCTOR],
    "feeding_objections": [NINE],
    "attending_doctors": ["99700000003"],
    "authorisations": [
        {"holder_id": "99700000002", "from": "2026-01-01T00:00:00Z"},
        {"holder_id": "123123123", "from": "2026-01-01T00:00:00Z"},
        {"holder_id": PRINTED, "from": "2026-01-01T00:00:00Z"},
    ],
}


async def fill(database: Database) -> None:
    """The migration of the release that resolves identifiers, over what an older one has left."""
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        await connection.execute("delete from schema_migrations where name = $1", FILLING)
    finally:
        await connection.close()
    assert await migrate(database.owner_dsn, migrations_of("consent", FOLDER), APP) == 1


async def directory_is_whole(api: ConsentApi) -> None:
    place = IDENTITY_PROFESSIONALS.name, 0
    await api.pool.execute(
        "insert into consumer_offsets (group_name, topic, partition, next, cluster_id) values ($1, $2, 0, 0, 'here')",
        CONSENT_DIRECTORY_COPIES.name,
        place[0],
    )
    async with transaction(api.pool) as connection:
        await raise_watermarks(connection, {place: clock.now()})


async def test_choices_of_an_older_release_are_named_in_full_as_a_new_version_that_is_announced(
    api: ConsentApi, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.consent.choices.usecases.name_in_full.POLL_INTERVAL_S", 0)
    old, other = await api.open_record(), await api.open_record()
    await other.ask("PUT", f"blocks/{DOCTOR}")
    await other.ask("PUT", "hidden-sections/BIOLOGIE")
    await api.pool.execute("update consent_states set choices = $2::jsonb where record_id = $1", old.id, _json(OLD))
    await fill(database)
    assert await api.pool.fetchval("select array_agg(record_id) from incomplete_states") == [old.id]
    await name_in_full(api.pool)
    assert (await old.choices())["version"] == 1, "nobody can be told apart before the directory is here"
    await directory_is_whole(api)
    await name_in_full(api.pool)
    state = await latest(old)
    assert (state.version, await api.pool.fetchval("select count(*) from incomplete_states")) == (2, 0)
    assert state.blocked == ("0123456789", "1123456789", "123456789", "1750000002", "2123456789", DOCTOR)
    assert state.feeding_objections == (HOSPITAL,)
    assert state.attending_doctors == ("899700000003",)
    assert [authorisation.holder_id for authorisation in state.authorisations or ()] == ["123123123", "899700000002"]
    columns = await fetch_row(
        api.pool, "select blocked, feeding_objections from consent_states where record_id = $1", old.id
    )
    assert (columns["blocked"], columns["feeding_objections"]) == (list(state.blocked), [HOSPITAL])
    assert (await old.ask("GET", "choices/history")).json()["changes"][0]["action"] == "name-in-full"
    assert (await other.choices())["version"] == 3
    await fill(database)
    await name_in_full(api.pool)
    assert (await old.choices())["version"] == 2


def _json(value: Any) -> str:

    return orjson.dumps(value).decode()
