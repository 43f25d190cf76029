"""Legal representatives: how they begin, act and end, and how a holder comes of age."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.identity.kit.sealed_rows import seal_row
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.new_person import Contact
from services.identity.people.store import contacts as store
from services.identity.relations.steps.apply_representation_status import apply_representation_status
from services.identity.relations.steps.follow_contact import follow_contact
from services.identity.relations.usecases.sweep_minors import sweep_minors
from services.identity.relations.usecases.sweep_representations import sweep_representations
from shared.db.pool import transaction
from shared.errors import CodedError
from shared.http.tokens import TokenVerifier
from shared.messaging.outbox import announce, append
from shared.runtime import clock
from tests.infra.http.tokens import SETTINGS, TestKeys, bearer, make_token, patient_token
from tests.infra.identity.accounts import KEYRINGS, PASSWORD, IdentityApi
from tests.infra.identity.identity_api import administrator, nir, query
from tests.infra.identity.openings import enter, insured, number_of
from tests.infra.identity.people import (
    DECISION,
    MINOR,
    acting,
    add,
    adult,
    ask_to_act,
    contacts,
    entries,
    ins,
    open_minor,
    open_own_minor,
    people,
    recipients,
    traits,
)

BIRTHDAY = datetime(2034, 5, 17, tzinfo=UTC)


async def minor_of(api: IdentityApi, number: int = 1, **more: Any) -> tuple[UUID, UUID]:
    """A representative's record and that of their minor."""
    own_id = await adult(api, number)
    response = await open_minor(api, number, **more)
    assert (response.status_code, response.json()["state"]) == (201, "validated"), response.text
    return own_id, UUID(response.json()["record_id"])


async def count(api: IdentityApi) -> int:
    return len(await api.events())


async def test_an_administrator_opens_for_a_minor_and_the_first_representative_is_in_force_at_once(
    api: IdentityApi,
) -> None:
    own_id, record_id = await minor_of(api)
    rows = await query(api.database, "select channel from records where id = $1", record_id)
    assert rows[0]["channel"] == "representative"
    last = (await people(api, record_id))[-1]
    assert [(representative.person_id, representative.until) for representative in last.representatives] == [
        (own_id, None)
    ]
    assert last.is_minor
    assert (await entries(api, record_id, "represent"))[0].subject == str(own_id)
    assert await contacts(api, record_id) == [("adult.1@patient.example", "representative")]
    assert await recipients(api, "representation-added") == ["adult.1@patient.example"]


async def test_a_signed_in_representative_opens_for_the_minor_of_their_card(api: IdentityApi) -> None:
    await enter(api.pool, [insured(50, born=MINOR, card_owner=number_of(1))])
    own_id = await adult(api, 1)
    response = await open_own_minor(api, own_id)
    assert (response.status_code, response.json()["state"], response.json()["status"]) == (
        201,
        "validated",
        "on-its-way",
    )
    record_id = UUID(response.json()["record_id"])
    entry = (await entries(api, record_id, "open-record"))[0]
    assert (entry.reason, entry.kind, entry.actor) == ("opened-representative", "representative", str(own_id))
    kinds = await query(api.database, "select kind, channel, region from life_events where channel = 'representative'")
    assert [tuple(row) for row in kinds] == [("opening", "representative", "84")]
    assert (await ask_to_act(api, own_id, record_id)).status_code == 200


@pytest.mark.parametrize(
    ("number", "born", "changes"),
    [
        (50, MINOR, {"card_serial": "9999999999"}),
        (51, MINOR, {}),
        (50, MINOR, {"traits": {**traits(50, MINOR), "given_name": "Autre"}}),
        (52, "1990-01-01", {}),
        (50, MINOR, {"card_serial": None}),
    ],
    ids=["another card", "not in the register", "another name", "of age", "no card"],
)
async def test_what_does_not_prove_a_representation_is_refused_alike(
    api: IdentityApi, number: int, born: str, changes: dict[str, Any]
) -> None:
    owner = {"card_owner": number_of(1)}
    await enter(api.pool, [insured(50, born=MINOR, **owner), insured(52, born="1990-01-01", **owner)])
    own_id = await adult(api, 1)
    response = await open_own_minor(api, own_id, number, born=born, **changes)
    assert (response.status_code, response.json()["code"]) == (403, "representation-unproven")
    assert len(await query(api.database, "select id from records")) == 1


@pytest.mark.parametrize("owner", [None, number_of(2)], ids=["no owner is known", "another owner"])
async def test_who_does_not_own_the_card_opens_no_record_with_its_number(api: IdentityApi, owner: str | None) -> None:
    await enter(api.pool, [insured(50, born=MINOR, card_owner=owner)])
    own_id = await adult(api, 1)
    response = await open_own_minor(api, own_id)
    assert (response.status_code, response.json()["code"]) == (403, "representation-unproven")
    assert len(await query(api.database, "select id from records")) == 1


@pytest.mark.parametrize("owner", [None, number_of(2)], ids=["no owner is known", "another owner"])
async def test_who_does_not_own_the_card_waits_for_a_second_person_and_the_known_contact_is_told(
    api: IdentityApi, owner: str | None
) -> None:
    await enter(api.pool, [insured(50, born=MINOR, card_owner=owner, mail="parent@patient.example")])
    record_id = await adult(api, 50, born=MINOR, mail="parent@patient.example")
    stranger = await adult(api, 1)
    response = await open_own_minor(api, stranger)
    assert (response.status_code, response.json()["state"]) == (200, "waiting"), response.text
    assert (await ask_to_act(api, stranger, record_id)).status_code == 404
    assert (await people(api, record_id))[-1].representatives == ()
    assert await contacts(api, record_id) == [("parent@patient.example", "holder")]
    assert await recipients(api, "representation-requested") == ["parent@patient.example"]
    path = f"/records/{record_id}/representatives/{response.json()['representation_id']}/answer"
    own_word = await api.client.post(path, json={"answer": "validated"}, headers=bearer(patient_token(stranger)))
    assert (own_word.status_code, own_word.json()["code"]) == (403, "forbidden")
    checked = await api.client.post(path, json={"answer": "validated"}, headers=administrator())
    assert checked.json()["state"] == "validated", checked.text
    assert await recipients(api, "representation-added") == ["adult.1@patient.example", "parent@patient.example"]
    assert (await contacts(api, record_id))[-1] == ("adult.1@patient.example", "representative")
    assert (await ask_to_act(api, stranger, record_id)).status_code == 200


async def test_the_owner_of_the_card_represents_at_once_and_the_contact_on_file_is_told(api: IdentityApi) -> None:
    await enter(api.pool, [insured(50, born=MINOR, card_owner=number_of(1), mail="parent@patient.example")])
    record_id = await adult(api, 50, born=MINOR, mail="parent@patient.example")
    own_id = await adult(api, 1)
    assert (await open_own_minor(api, own_id)).json()["state"] == "validated"
    assert await recipients(api, "representation-added") == ["adult.1@patient.example", "parent@patient.example"]
    assert (await ask_to_act(api, own_id, record_id)).status_code == 200


async def test_the_other_parent_is_told_of_a_request_once_and_stays_the_contact(api: IdentityApi) -> None:
    await enter(api.pool, [insured(50, born=MINOR, card_owner=number_of(1), mail="parent@patient.example")])
    record_id = await adult(api, 50, born=MINOR, mail="parent@patient.example")
    second, first, _ = await adult(api, 2), await adult(api, 1), await adult(api, 3)
    view = (await open_own_minor(api, second)).json()
    assert (await open_own_minor(api, first)).json()["state"] == "validated"
    assert (await add(api, record_id, 3)).json()["state"] == "waiting"
    assert await recipients(api, "representation-requested") == ["adult.1@patient.example", "parent@patient.example"]
    path = f"/records/{record_id}/representatives/{view['representation_id']}/answer"
    headers = await acting(api, first, record_id)
    assert (await api.client.post(path, json={"answer": "validated"}, headers=headers)).status_code == 200
    assert (await recipients(api, "representation-added"))[:2] == ["adult.1@patient.example", "adult.1@patient.example"]
    assert (await contacts(api, record_id))[-1] == ("adult.1@patient.example", "representative")


async def test_the_owner_is_known_by_either_of_two_linked_records(api: IdentityApi) -> None:
    await enter(api.pool, [insured(50, born=MINOR, card_owner=number_of(2))])
    own_id, other = await adult(api, 1), await adult(api, 2)
    await link(api, own_id, other)
    assert (await open_own_minor(api, own_id)).json()["state"] == "validated"


async def link(api: IdentityApi, first: UUID, second: UUID, what: str = "link") -> None:
    answer = await api.client.post(f"/records/{first}/{what}", json={"linked_to": str(second)}, headers=administrator())
    assert answer.status_code == 202, answer.text


async def test_a_representative_acts_signed_in_by_either_of_two_linked_records(api: IdentityApi) -> None:
    own_id, record_id = await minor_of(api)
    other = await adult(api, 2)
    assert (await ask_to_act(api, other, record_id)).status_code == 404
    await link(api, own_id, other)
    mine = (await api.client.get("/acting-for", headers=bearer(patient_token(other)))).json()
    assert [(record["record_id"], record["relation"]) for record in mine] == [(str(record_id), "representative")]
    answer = await ask_to_act(api, other, record_id)
    assert (answer.status_code, answer.json()["relation"]) == (200, "representative")
    caller = await TokenVerifier(SETTINGS, TestKeys()).verify(answer.json()["access_token"])
    assert (caller.id, caller.record_id) == (str(own_id), record_id), "the one whom the other services know"
    shown = await api.client.get(f"/records/{record_id}/representatives", headers=bearer(answer.json()["access_token"]))
    assert shown.status_code == 200
    await link(api, own_id, other, "unlink")
    assert (await ask_to_act(api, other, record_id)).status_code == 404
    assert (await api.client.get("/acting-for", headers=bearer(patient_token(other)))).json() == []


async def test_a_representative_signed_in_by_a_linked_record_still_gives_the_password(api: IdentityApi) -> None:
    own_id, record_id = await minor_of(api)
    other = await api.open_account(5)
    await link(api, own_id, other)
    headers = await acting(api, other, record_id)
    without = await api.client.post(f"/records/{record_id}/close", json={}, headers=headers)
    assert (without.status_code, without.json()["code"]) == (403, "password-needed")
    closed = await api.client.post(f"/records/{record_id}/close", json={"password": PASSWORD}, headers=headers)
    assert closed.status_code == 200, closed.text


async def test_the_other_record_of_a_person_represents_them_no_more_than_their_own(api: IdentityApi) -> None:
    own_id, other = await adult(api, 1), await adult(api, 2)
    await link(api, own_id, other)
    response = await add(api, own_id, 2, evidence=DECISION)
    assert (response.status_code, response.json()["code"]) == (422, "representative-unfit")


async def test_who_tries_cards_has_to_wait(api: IdentityApi) -> None:
    own_id = await adult(api, 1)
    codes = [(await open_own_minor(api, own_id, card_serial=f"12345678{n}")).json()["code"] for n in range(8)]
    assert codes[:5] == ["representation-unproven"] * 5
    assert codes[-1] == "too-many-tries"


async def test_the_second_representative_waits_and_the_first_one_validates(api: IdentityApi) -> None:
    first, record_id = await minor_of(api)
    second = await adult(api, 2)
    view = (await add(api, record_id, 2)).json()
    assert view["state"] == "waiting"
    assert (await ask_to_act(api, second, record_id)).status_code == 404
    path = f"/records/{record_id}/representatives/{view['representation_id']}/answer"
    own_word = await api.client.post(path, json={"answer": "validated"}, headers=bearer(patient_token(second)))
    assert (own_word.status_code, own_word.json()["code"]) == (403, "forbidden")
    assert [entry.outcome for entry in await entries(api, record_id, "represent")][-1] == "refused"
    headers = await acting(api, first, record_id)
    validated = await api.client.post(path, json={"answer": "validated"}, headers=headers)
    assert (validated.status_code, validated.json()["state"]) == (200, "validated"), validated.text
    assert [representative.person_id for representative in (await people(api, record_id))[-1].representatives] == [
        first,
        second,
    ]
    assert (await people(api, record_id))[-1].version == validated.json()["version"]
    assert (await ask_to_act(api, second, record_id)).status_code == 200
    assert len(await contacts(api, record_id)) == 1, "the contact stays the first one's"


async def test_a_refused_representative_never_acts_and_is_not_validated_later(api: IdentityApi) -> None:
    _, record_id = await minor_of(api)
    second = await adult(api, 2)
    view = (await add(api, record_id, 2)).json()
    path = f"/records/{record_id}/representatives/{view['representation_id']}/answer"
    response = await api.client.post(path, json={"answer": "refused"}, headers=administrator())
    assert (response.status_code, response.json()["state"]) == (200, "refused")
    later = await api.client.post(path, json={"answer": "validated"}, headers=administrator())
    assert (later.status_code, later.json()["code"]) == (409, "representation-over")
    assert (await ask_to_act(api, second, record_id)).status_code == 404
    assert (await add(api, record_id, 2)).json()["state"] == "waiting", "it may be asked for again"


async def test_the_same_representative_twice_is_refused(api: IdentityApi) -> None:
    _, record_id = await minor_of(api)
    people_before = await people(api, record_id)
    again = await add(api, record_id, 1)
    assert (again.status_code, again.json()["code"]) == (409, "representation-exists")
    assert await people(api, record_id) == people_before


async def test_of_two_first_representatives_at_once_exactly_one_is_in_force(api: IdentityApi) -> None:
    record_id = await adult(api, 50, born=MINOR)
    await adult(api, 1)
    await adult(api, 2)
    answers = await asyncio.gather(add(api, record_id, 1), add(api, record_id, 2))
    assert sorted(answer.json()["state"] for answer in answers) == ["validated", "waiting"]
    assert len((await people(api, record_id))[-1].representatives) == 1


@pytest.mark.parametrize(
    ("evidence", "code"),
    [("birth-certificate", "evidence-insufficient"), ("a-letter", "evidence-unknown")],
)
async def test_an_adult_is_not_represented_on_that(api: IdentityApi, evidence: str, code: str) -> None:
    record_id = await adult(api, 3)
    await adult(api, 1)
    response = await add(api, record_id, 1, evidence={"kind": evidence, "reference": "x"})
    assert (response.status_code, response.json()["code"]) == (422, code)


async def test_a_protected_adult_is_represented_on_a_decision_and_keeps_their_contact(api: IdentityApi) -> None:
    record_id, own_id = await adult(api, 3), await adult(api, 1)
    entered = await add(api, record_id, 1, evidence=DECISION)
    assert entered.json()["state"] == "validated", entered.text
    assert await contacts(api, record_id) == [("adult.3@patient.example", "holder")]
    assert await recipients(api, "representation-added") == ["adult.1@patient.example", "adult.3@patient.example"]
    last = (await people(api, record_id))[-1]
    assert [(representative.person_id, representative.kind) for representative in last.representatives] == [
        (own_id, "representative-of-adult")
    ]
    assert not last.is_minor


@pytest.mark.parametrize(
    "token",
    [
        make_token("software", "s", scope="records.open"),
        make_token("administrator", "a", scope=""),
        make_token("professional", "899700000001"),
        patient_token(uuid4()),
    ],
    ids=["software", "an administrator without the scope", "a professional", "a patient"],
)
async def test_only_an_administrator_enters_ends_and_lists_for_others(api: IdentityApi, token: str) -> None:
    own_id, record_id = await minor_of(api)
    id = (await api.client.get(f"/records/{record_id}/representatives", headers=administrator())).json()[0]
    path = f"/records/{record_id}/representatives"
    answers = [
        await api.client.post(path, json={"representative": ins(1), "evidence": DECISION}, headers=bearer(token)),
        await api.client.get(path, headers=bearer(token)),
        await api.client.delete(f"{path}/{id['representation_id']}", headers=bearer(token)),
    ]
    assert {answer.status_code for answer in answers} <= {403, 404}
    assert len((await people(api, record_id))[-1].representatives) == 1
    assert (await ask_to_act(api, own_id, record_id)).status_code == 200


async def test_names_are_shown_to_those_concerned_and_the_reference_to_administrators(api: IdentityApi) -> None:
    own_id, record_id = await minor_of(api)
    path = f"/records/{record_id}/representatives"
    shown = (await api.client.get(path, headers=administrator())).json()
    assert (shown[0]["name"], shown[0]["reference"]) == ("Zoéb D'INVENTÉE-EXEMPLE", "Livret inventé 2019-114")
    by_them = (await api.client.get(path, headers=await acting(api, own_id, record_id))).json()
    assert (by_them[0]["name"], by_them[0]["reference"]) == ("Zoéb D'INVENTÉE-EXEMPLE", None)
    stored = await query(api.database, "select representations::text as line from representations")
    assert "Livret" not in stored[0]["line"]
    mine = (await api.client.get("/acting-for", headers=bearer(patient_token(own_id)))).json()
    assert mine == [{"record_id": str(record_id), "relation": "representative", "name": "Zoéa D'INVENTÉE-EXEMPLE"}]


async def test_a_token_to_act_carries_both_ids_and_lives_five_minutes(api: IdentityApi) -> None:
    own_id, record_id = await minor_of(api)
    answer = await ask_to_act(api, own_id, record_id)
    assert (answer.json()["relation"], answer.headers["cache-control"]) == ("representative", "no-store")
    assert answer.json()["expires_in"] <= 300
    caller = await TokenVerifier(SETTINGS, TestKeys()).verify(answer.json()["access_token"])
    assert (caller.kind, caller.id, caller.record_id) == ("representative", str(own_id), record_id)
    assert caller.scopes == frozenset()
    entry = (await entries(api, record_id, "sign-in"))[0]
    assert (entry.kind, entry.actor, entry.reason) == ("representative", str(own_id), "acting-as-representative")
    again = await api.client.post(
        "/token/acting-for",
        json={"record_id": str(record_id)},
        headers=bearer(answer.json()["access_token"]),
    )
    assert (again.status_code, again.json()["code"]) == (403, "holder-needed"), "not from one token to the next"


async def test_a_stranger_gets_no_token_and_the_ledger_of_that_record_says_so(api: IdentityApi) -> None:
    _, record_id = await minor_of(api)
    stranger = await adult(api, 9)
    for target in (record_id, uuid4(), stranger):
        answer = await ask_to_act(api, stranger, target)
        assert (answer.status_code, answer.json()["code"]) == (404, "record-unknown")
    entry = (await entries(api, record_id, "sign-in"))[0]
    assert (entry.outcome, entry.reason, entry.actor) == ("refused", "record-unknown", str(stranger))


async def test_a_representative_closes_with_their_own_password_and_no_other_record(api: IdentityApi) -> None:
    own_id = await api.open_account(5)
    response = await api.client.post(
        "/records/represented",
        json={
            "ins": ins(50, MINOR),
            "traits": traits(50, MINOR),
            "by": {"representative": {"value": nir(5), "oid": ins(1)["oid"]}, "evidence": DECISION},
        },
        headers=administrator(),
    )
    record_id, other = UUID(response.json()["record_id"]), await adult(api, 3)
    headers = await acting(api, own_id, record_id)
    without = await api.client.post(f"/records/{record_id}/close", json={}, headers=headers)
    assert (without.status_code, without.json()["code"]) == (403, "password-needed")
    wrong = await api.client.post(f"/records/{record_id}/close", json={"password": "not this"}, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (403, "password-wrong")
    entry = (await entries(api, record_id, "sign-in"))[-1]
    assert (entry.outcome, entry.reason, entry.kind) == ("refused", "password-wrong", "representative")
    assert entry.actor == str(own_id)
    assert "password-wrong" not in {entry.reason for entry in await entries(api, own_id, "sign-in")}
    elsewhere = await api.client.post(f"/records/{other}/close", json={"password": PASSWORD}, headers=headers)
    assert elsewhere.status_code == 404
    closed = await api.client.post(f"/records/{record_id}/close", json={"password": PASSWORD}, headers=headers)
    assert closed.status_code == 200, closed.text
    entry = (await entries(api, record_id, "close-record"))[-1]
    assert (entry.outcome, entry.kind, entry.actor) == ("permitted", "representative", str(own_id))


async def test_the_administrator_ends_it_and_the_contact_is_the_holders_again(api: IdentityApi) -> None:
    record_id = await adult(api, 50, born=MINOR, mail="minor@patient.example")
    own_id = await adult(api, 1)
    entered = (await add(api, record_id, 1)).json()
    assert await contacts(api, record_id) == [
        ("minor@patient.example", "holder"),
        ("adult.1@patient.example", "representative"),
    ]
    headers = await acting(api, own_id, record_id)
    path = f"/records/{record_id}/representatives/{entered['representation_id']}"
    ended = await api.client.delete(path, headers=administrator())
    assert (ended.status_code, ended.json()["state"]) == (200, "ended")
    assert (await contacts(api, record_id))[-1] == ("minor@patient.example", "holder")
    assert (await people(api, record_id))[-1].representatives == ()
    assert (await people(api, record_id))[-1].is_minor
    assert await recipients(api, "representation-ended") == ["adult.1@patient.example"]
    assert (await ask_to_act(api, own_id, record_id)).status_code == 404
    late = await api.client.get(f"/records/{record_id}/representatives", headers=headers)
    assert late.status_code == 404, "the relation itself is looked at, not the token alone"
    count_before = await count(api)
    assert (await api.client.delete(path, headers=administrator())).status_code == 200
    assert await count(api) == count_before, "ending it again says nothing new"


async def test_a_minors_contact_follows_the_representatives(api: IdentityApi) -> None:
    own_id, record_id = await minor_of(api)
    new = Contact("moved@patient.example", "en", "holder")
    async with transaction(api.pool) as connection:
        sealed = seal_row(KEYRINGS.persons, new.as_json(), "contact", own_id)
        assert await store.replace_contact(connection, own_id, 1, sealed) == 2
        await append(
            connection,
            [announce(event, "identity") for event in await follow_contact(UnitOfWork(connection, KEYRINGS), own_id)],
        )
    assert (await contacts(api, record_id))[-1] == ("moved@patient.example", "representative")


async def test_the_next_representative_becomes_the_contact_when_the_first_one_ends(api: IdentityApi) -> None:
    _, record_id = await minor_of(api)
    await adult(api, 2)
    second = (await add(api, record_id, 2)).json()
    path = f"/records/{record_id}/representatives"
    await api.client.post(
        f"{path}/{second['representation_id']}/answer", json={"answer": "validated"}, headers=administrator()
    )
    first = (await api.client.get(path, headers=administrator())).json()[0]
    await api.client.delete(f"{path}/{first['representation_id']}", headers=administrator())
    assert (await contacts(api, record_id))[-1] == ("adult.2@patient.example", "representative")


async def test_ends_that_cannot_be_written_keep_no_others_though_they_fill_a_page(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [await adult(api, number) for number in (3, 4, 5)]
    await adult(api, 1)
    end = clock.now() + timedelta(days=30)
    for record_id in records:
        await add(api, record_id, 1, evidence=DECISION, ends_at=end.isoformat())
    due = await api.pool.fetch("select distinct record_id from representations where ends_at <= $1", end)
    stuck = {row["record_id"] for row in due[:2]}

    async def settle_some(*values: Any) -> Any:
        if values[1].record_id in stuck:
            raise CodedError
        return await apply_representation_status(*values)

    monkeypatch.setattr(
        "services.identity.relations.usecases.sweep_representations.apply_representation_status", settle_some
    )
    assert await sweep_representations(Storage(api.pool, KEYRINGS), end, limit=1) == 1
    assert await sweep_representations(Storage(api.pool, KEYRINGS), end, limit=1) == 0


async def test_an_end_that_was_stated_comes_by_itself(api: IdentityApi) -> None:
    record_id, own_id = await adult(api, 3), await adult(api, 1)
    end = clock.now() + timedelta(days=30)
    await add(api, record_id, 1, evidence=DECISION, ends_at=end.isoformat())
    assert (await people(api, record_id))[-1].representatives[0].until == end
    assert await sweep_representations(Storage(api.pool, KEYRINGS), end - timedelta(seconds=1)) == 0
    assert await sweep_representations(Storage(api.pool, KEYRINGS), end) == 1
    assert await sweep_representations(Storage(api.pool, KEYRINGS), end) == 0
    assert (await people(api, record_id))[-1].representatives == ()
    entry = (await entries(api, record_id, "end-representation"))[0]
    assert (entry.kind, entry.reason, entry.subject) == ("system", "end-reached", str(own_id))
    assert await recipients(api, "representation-ended") == ["adult.1@patient.example", "adult.3@patient.example"]


@pytest.mark.parametrize(
    ("born", "birthday"),
    [
        (MINOR, BIRTHDAY),
        ("2016-02-29", datetime(2034, 3, 1, tzinfo=UTC)),
        ("2016-05-01", datetime(2034, 5, 1, tzinfo=UTC)),
    ],
)
async def test_at_eighteen_the_representation_ends_by_itself_and_both_are_told(
    api: IdentityApi, born: str, birthday: datetime
) -> None:
    record_id = await adult(api, 50, born=born, mail="minor@patient.example")
    own_id = await adult(api, 1)
    await add(api, record_id, 1)
    await sweep_minors(Storage(api.pool, KEYRINGS), birthday - timedelta(seconds=1))
    assert (await people(api, record_id))[-1].is_minor
    assert await sweep_minors(Storage(api.pool, KEYRINGS), birthday) == 1
    last = (await people(api, record_id))[-1]
    assert (last.is_minor, last.representatives) == (False, ())
    assert (await contacts(api, record_id))[-1] == ("minor@patient.example", "holder")
    assert await recipients(api, "coming-of-age") == ["adult.1@patient.example", "minor@patient.example"]
    assert await recipients(api, "representation-ended") == ["adult.1@patient.example"]
    entry = (await entries(api, record_id, "end-representation"))[0]
    assert (entry.kind, entry.reason, entry.subject) == ("system", "come-of-age", str(own_id))
    count_before = await count(api)
    assert await sweep_minors(Storage(api.pool, KEYRINGS), birthday + timedelta(days=1)) == 0
    assert await count(api) == count_before


async def test_without_a_contact_of_their_own_nobody_is_told_things_at_the_representatives_any_more(
    api: IdentityApi,
) -> None:
    _, record_id = await minor_of(api)
    await sweep_minors(Storage(api.pool, KEYRINGS), BIRTHDAY)
    assert (await contacts(api, record_id))[-1] == (None, "holder")
    assert await recipients(api, "coming-of-age") == ["adult.1@patient.example"]


async def test_one_who_waits_at_the_18th_birthday_is_refused_and_a_later_decision_for_the_adult_stays(
    api: IdentityApi,
) -> None:
    _, record_id = await minor_of(api)
    await adult(api, 2)
    guardian = await adult(api, 3)
    await add(api, record_id, 2)
    view = (
        await add(api, record_id, 3, evidence=DECISION, starts_at=(BIRTHDAY + timedelta(days=1)).isoformat())
    ).json()
    await api.client.post(
        f"/records/{record_id}/representatives/{view['representation_id']}/answer",
        json={"answer": "validated"},
        headers=administrator(),
    )
    assert (await ask_to_act(api, guardian, record_id)).status_code == 404, "not before its time"
    await sweep_minors(Storage(api.pool, KEYRINGS), BIRTHDAY)
    assert [representative.person_id for representative in (await people(api, record_id))[-1].representatives] == [
        guardian
    ]
    rows = await query(api.database, "select status, ended_for from representations order by requested_at")
    assert [tuple(row) for row in rows] == [("ended", "come-of-age"), ("refused", "come-of-age"), ("validated", None)]


async def test_no_birth_date_stands_in_clear_or_travels(api: IdentityApi) -> None:
    await minor_of(api)
    await sweep_minors(Storage(api.pool, KEYRINGS), datetime(2034, 5, 2, tzinfo=UTC))
    rows = await query(api.database, "select due_month, minors::text as line from minors")
    assert (str(rows[0]["due_month"]), MINOR in rows[0]["line"]) == ("2034-05-01", False)
    for event in await api.events():
        assert MINOR not in event.model_dump_json()
        assert "2034-05-17" not in event.model_dump_json()


STOP = """
create function stop() returns trigger language plpgsql as $$ begin raise exception 'the lights went out'; end $$;
create trigger stop before insert on outbox for each row execute function stop()"""


async def test_a_sweep_that_dies_at_its_last_line_has_done_nothing_and_goes_on_later(api: IdentityApi) -> None:
    _, record_id = await minor_of(api)
    owner = await asyncpg.connect(api.database.owner_dsn)
    try:
        await owner.execute(STOP)
        with pytest.raises(asyncpg.RaiseError):
            await sweep_minors(Storage(api.pool, KEYRINGS), BIRTHDAY)
        await owner.execute("drop trigger stop on outbox")
    finally:
        await owner.close()
    assert (await people(api, record_id))[-1].is_minor
    assert await recipients(api, "coming-of-age") == []
    assert await sweep_minors(Storage(api.pool, KEYRINGS), BIRTHDAY) == 1
    assert not (await people(api, record_id))[-1].is_minor
    assert await recipients(api, "coming-of-age") == ["adult.1@patient.example"]


async def test_two_sweepers_at_once_end_it_once(api: IdentityApi) -> None:
    _, record_id = await minor_of(api)
    await asyncio.gather(*(sweep_minors(Storage(api.pool, KEYRINGS), BIRTHDAY) for _ in range(3)))
    assert len(await entries(api, record_id, "end-representation")) == 1
    assert len(await recipients(api, "coming-of-age")) == 1


async def test_the_minors_of_the_month_are_looked_at_once_a_day(api: IdentityApi) -> None:
    await minor_of(api)
    day = datetime(2034, 5, 2, 8, tzinfo=UTC)
    assert await sweep_minors(Storage(api.pool, KEYRINGS), datetime(2034, 4, 30, tzinfo=UTC)) == 0
    assert await sweep_minors(Storage(api.pool, KEYRINGS), day) == 1
    assert await sweep_minors(Storage(api.pool, KEYRINGS), day + timedelta(hours=9)) == 0
    assert await sweep_minors(Storage(api.pool, KEYRINGS), day + timedelta(days=1)) == 1


async def test_a_record_that_was_opened_for_a_minor_by_a_hospital_is_announced_as_such(api: IdentityApi) -> None:
    record_id = await adult(api, 50, born=MINOR)
    assert [(person.version, person.is_minor) for person in await people(api, record_id)] == [(1, True)]
    assert await people(api, await adult(api, 1)) == []


async def test_who_is_erased_represents_nobody_any_more(api: IdentityApi) -> None:
    own_id, record_id = await minor_of(api)
    erased = await api.client.post(
        f"/records/{own_id}/erase", json={"reason": "gdpr-decision"}, headers=administrator()
    )
    assert erased.status_code == 202, erased.text
    last = (
        await query(
            api.database,
            "select payload from outbox where topic = 'identity.people.v1' and key = $1 order by id desc limit 1",
            str(record_id).encode(),
        )
    )[0]["payload"]
    assert b'"representatives":[]' in last
    for table in ("representations", "people_states", "contacts", "throttles"):
        rows = await query(api.database, f"select true from {table} t where t::text like $1", f"%{own_id}%")
        assert rows == [], table
    assert await query(api.database, "select true from contacts where record_id = $1", record_id)
