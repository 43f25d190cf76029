"""Carers by invitation, what they may not do, and whom to call."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from services.identity.kit.unit_of_work import Storage
from services.identity.relations.domain.care import UNANSWERED_RETENTION
from services.identity.relations.usecases.announce_people_to_call import announce_people_to_call
from services.identity.relations.usecases.sweep_invitations import sweep_invitations
from shared.contracts.base import sealed_place
from shared.contracts.identity import PeopleToCallChanged
from shared.runtime import clock
from tests.infra.http.tokens import bearer, make_token, patient_token, professional_token
from tests.infra.identity.accounts import KEYRINGS, RING, IdentityApi
from tests.infra.identity.identity_api import administrator, announced, query
from tests.infra.identity.people import (
    MINOR,
    acting,
    adult,
    ask_to_act,
    entries,
    ins,
    open_minor,
    people,
    recipients,
    traits,
)

MAIL = "carer@patient.example"
OLD = """
update care_relations set invited_at = invited_at - interval '31 days', expires_at = expires_at - interval '31 days'"""


def own(record_id: UUID) -> dict[str, str]:
    return bearer(patient_token(record_id))


def named(number: int, **changes: Any) -> dict[str, Any]:
    """An invitation that names an adult."""
    stated = traits(number, "1955-06-12")
    names = {name: stated[name] for name in ("birth_name", "given_name", "birth_date")}
    return {"person": {"ins": ins(number), **names, **changes}}


async def invite(api: IdentityApi, record_id: UUID, body: dict[str, Any] | None = None, **more: Any) -> httpx2.Response:
    return await api.client.post(
        f"/records/{record_id}/invitations", json=body or {"mail": MAIL}, headers=more.get("headers") or own(record_id)
    )


async def answer(api: IdentityApi, own_id: UUID, reply: str = "accepted", **which: Any) -> httpx2.Response:
    body = {"answer": reply, **{name: str(value) for name, value in which.items()}}
    return await api.client.post("/invitations/answer", json=body, headers=own(own_id))


async def cared_for(api: IdentityApi) -> tuple[UUID, UUID, str]:
    """A holder, their carer, and the id of the relation."""
    record_id, carer_id = await adult(api, 1), await adult(api, 2)
    assert (await invite(api, record_id)).status_code == 201
    response = await answer(api, carer_id, code=await api.code("carer-invitation"))
    assert response.status_code == 200, response.text
    return record_id, carer_id, response.json()["care_id"]


async def test_somebody_invited_by_mail_accepts_with_the_code_and_may_act(api: IdentityApi) -> None:
    record_id, carer_id = await adult(api, 1), await adult(api, 2)
    invited = await invite(api, record_id)
    assert (invited.status_code, invited.json()["state"]) == (201, "pending")
    message = (await api.messages("carer-invitation"))[0]
    assert (message["to"], message["language"]) == ({"mail": MAIL}, "fr")
    code = message["values"]["code"]
    accepted = await answer(api, carer_id, code=f"{code[:4]}-{code[4:8]}-{code[8:]}".lower())
    assert (accepted.status_code, accepted.json()["state"], accepted.json()["status"]) == (
        200,
        "accepted",
        "on-its-way",
    )
    last = (await people(api, record_id))[-1]
    assert [(carer.person_id, carer.kind) for carer in last.carers] == [(carer_id, "carer")]
    assert last.version == accepted.json()["version"]
    assert await recipients(api, "carer-answered") == ["adult.1@patient.example"]
    entry = (await entries(api, record_id, "answer-invitation"))[0]
    assert (entry.outcome, entry.reason, entry.actor, entry.subject) == (
        "permitted",
        "accepted",
        str(carer_id),
        str(carer_id),
    )
    assert (await ask_to_act(api, carer_id, record_id)).json()["relation"] == "carer"
    entry = (await entries(api, record_id, "sign-in"))[0]
    assert (entry.kind, entry.actor, entry.reason) == ("carer", str(carer_id), "acting-as-carer")


async def test_somebody_named_is_told_at_their_own_contact_and_answers_without_the_code(api: IdentityApi) -> None:
    record_id, carer_id = await adult(api, 1), await adult(api, 2)
    assert (await invite(api, record_id, named(2, birth_name="d’inventee exemple"))).status_code == 201
    assert await recipients(api, "carer-invitation") == ["adult.2@patient.example"]
    mine = (await api.client.get("/invitations", headers=own(carer_id))).json()
    assert [invitation["name"] for invitation in mine] == ["Zoéb D'INVENTÉE-EXEMPLE"]
    accepted = await answer(api, carer_id, care_id=mine[0]["care_id"])
    assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted"), accepted.text
    assert (await api.client.get("/invitations", headers=own(carer_id))).json() == []


@pytest.mark.parametrize(
    "changes", [{"given_name": "Autre"}, {"birth_name": "AUTRE"}, {"birth_date": "1955-06-13"}, {"ins": ins(3)}]
)
async def test_who_is_not_the_person_named_cannot_answer_even_with_the_code(
    api: IdentityApi, changes: dict[str, Any]
) -> None:
    record_id, carer_id = await adult(api, 1), await adult(api, 2)
    invited = await invite(api, record_id, {**named(2, **changes), "mail": MAIL})
    for which in ({"code": await api.code("carer-invitation")}, {"care_id": invited.json()["care_id"]}):
        response = await answer(api, carer_id, **which)
        assert (response.status_code, response.json()["code"]) == (404, "invitation-unknown")
    assert (await api.client.get("/invitations", headers=own(carer_id))).json() == []
    told_of = await entries(api, record_id, "answer-invitation")
    assert [(entry.outcome, entry.reason, entry.actor) for entry in told_of] == [
        ("refused", "invitation-unknown", str(carer_id))
    ] * 2


async def test_an_invitation_does_not_tell_whether_the_person_is_known_here(api: IdentityApi) -> None:
    record_id = await adult(api, 1)
    await adult(api, 2)
    known_person, unknown_person = await invite(api, record_id, named(2)), await invite(api, record_id, named(7))
    assert (known_person.status_code, known_person.json().keys()) == (
        unknown_person.status_code,
        unknown_person.json().keys(),
    )
    assert len(await api.messages("carer-invitation")) == 1


@pytest.mark.parametrize("decision", ["accepted", "refused"])
async def test_an_invitation_by_mail_is_not_answered_by_its_id(api: IdentityApi, decision: str) -> None:
    record_id, stranger = await adult(api, 1), await adult(api, 3)
    invited = await invite(api, record_id)
    response = await answer(api, stranger, decision, care_id=invited.json()["care_id"])
    assert (response.status_code, response.json()["code"]) == (404, "invitation-unknown")


async def test_of_many_who_accept_with_one_code_at_once_exactly_one_wins(api: IdentityApi) -> None:
    record_id = await adult(api, 1)
    others = [await adult(api, number) for number in (2, 3, 4, 5)]
    await invite(api, record_id)
    code = await api.code("carer-invitation")
    answers = await asyncio.gather(*(answer(api, other, code=code) for other in others))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert {answer.json().get("code") for answer in answers if answer.status_code == 409} == {"invitation-over"}
    assert len((await people(api, record_id))[-1].carers) == 1
    assert len(await recipients(api, "carer-answered")) == 1


async def test_the_same_answer_twice_is_said_once_and_another_answer_is_refused(api: IdentityApi) -> None:
    record_id, carer_id, _ = await cared_for(api)
    event_count = len(await api.events())
    again = await answer(api, carer_id, code=await api.code("carer-invitation"))
    assert (again.status_code, again.json()["state"]) == (200, "accepted")
    assert len(await api.events()) == event_count
    other = await answer(api, carer_id, "refused", code=await api.code("carer-invitation"))
    assert (other.status_code, other.json()["code"]) == (409, "invitation-over")
    assert len((await people(api, record_id))[-1].carers) == 1


async def test_a_refused_invitation_is_over_and_the_holder_is_told(api: IdentityApi) -> None:
    record_id, carer_id = await adult(api, 1), await adult(api, 2)
    await invite(api, record_id)
    code = await api.code("carer-invitation")
    assert (await answer(api, carer_id, "refused", code=code)).json()["state"] == "refused"
    assert await recipients(api, "carer-answered") == ["adult.1@patient.example"]
    assert (await answer(api, carer_id, code=code)).json()["code"] == "invitation-over"
    assert (await ask_to_act(api, carer_id, record_id)).status_code == 404
    assert await people(api, record_id) == []


async def test_an_invitation_expires_and_is_forgotten_later(api: IdentityApi) -> None:
    record_id, carer_id = await adult(api, 1), await adult(api, 2)
    await invite(api, record_id, named(2))
    await query(api.database, OLD)
    late = await answer(api, carer_id, code=await api.code("carer-invitation"))
    assert (late.status_code, late.json()["code"]) == (409, "invitation-over")
    assert (await api.client.get("/invitations", headers=own(carer_id))).json() == []
    carers = (await api.client.get(f"/records/{record_id}/carers", headers=own(record_id))).json()
    assert [carer["state"] for carer in carers] == ["expired"]
    now = clock.now()
    assert await sweep_invitations(api.pool, now) == 1
    assert await sweep_invitations(api.pool, now) == 0
    assert [row["status"] for row in await query(api.database, "select status from care_relations")] == ["expired"]
    assert await sweep_invitations(api.pool, now + UNANSWERED_RETENTION + timedelta(seconds=1)) == 1
    assert await query(api.database, "select status from care_relations") == []


async def test_an_invitation_stands_for_thirty_days_and_its_message_no_longer(api: IdentityApi) -> None:
    invited = await invite(api, await adult(api, 1))
    rows = await query(api.database, "select expires_at - invited_at as life, code_hash, sealed from care_relations")
    assert rows[0]["life"] == timedelta(days=30)
    code = await api.code("carer-invitation")
    assert code not in rows[0]["code_hash"]
    assert MAIL.encode() not in rows[0]["sealed"]
    (message,) = [event for event in await api.events() if getattr(event, "kind", None) == "carer-invitation"]
    assert message.expires_at.isoformat() == invited.json()["expires_at"].replace("Z", "+00:00")  # type: ignore[attr-defined]


@pytest.mark.parametrize("side", ["holder", "carer", "carer acting"])
async def test_either_side_ends_the_care(api: IdentityApi, side: str) -> None:
    record_id, carer_id, care_id = await cared_for(api)
    headers = {"holder": own(record_id), "carer": own(carer_id)}.get(side) or await acting(api, carer_id, record_id)
    late = await acting(api, carer_id, record_id)
    ended = await api.client.delete(f"/records/{record_id}/carers/{care_id}", headers=headers)
    assert (ended.status_code, ended.json()["state"]) == (200, "ended"), ended.text
    assert (await people(api, record_id))[-1].carers == ()
    entry = (await entries(api, record_id, "end-care"))[0]
    assert (entry.outcome, entry.reason, entry.subject) == ("permitted", "ended", str(carer_id))
    assert (await ask_to_act(api, carer_id, record_id)).status_code == 404
    response = await api.client.get(f"/records/{record_id}/people-to-call", headers=late)
    assert response.status_code == 404, "the relation itself is looked at, not the token alone"


async def test_a_withdrawn_invitation_is_over(api: IdentityApi) -> None:
    record_id, carer_id = await adult(api, 1), await adult(api, 2)
    care_id = (await invite(api, record_id)).json()["care_id"]
    withdrawn = await api.client.delete(f"/records/{record_id}/carers/{care_id}", headers=own(record_id))
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")
    late = await answer(api, carer_id, code=await api.code("carer-invitation"))
    assert late.json()["code"] == "invitation-over"


async def test_a_carer_neither_closes_nor_invites_nor_ends_others_nor_changes_contact_or_login(
    api: IdentityApi,
) -> None:
    record_id, carer_id, _ = await cared_for(api)
    headers = await acting(api, carer_id, record_id)
    other = (await invite(api, record_id)).json()["care_id"]
    call = api.client.request
    answers = [
        await call("POST", f"/records/{record_id}/close", json={}, headers=headers),
        await call("POST", f"/records/{record_id}/reopen", headers=headers),
        await call("POST", f"/records/{record_id}/invitations", json={"mail": MAIL}, headers=headers),
        await call("GET", f"/records/{record_id}/carers", headers=headers),
        await call("DELETE", f"/records/{record_id}/carers/{other}", headers=headers),
        await call("GET", f"/records/{record_id}/representatives", headers=headers),
        await call("PUT", f"/records/{record_id}/people-to-call", json={"people": []}, headers=headers),
        await call("POST", "/account/contact-changes", json={"mail": MAIL}, headers=headers),
        await call("PUT", "/account/password", json={"password": "a", "new_password": "b"}, headers=headers),
        await call("GET", "/devices", headers=headers),
        await call("POST", "/token/acting-for", json={"record_id": str(record_id)}, headers=headers),
    ]
    assert {answer.status_code for answer in answers} == {403}, [answer.text for answer in answers]
    entry = (await entries(api, record_id, "invite-carer"))[-1]
    assert (entry.outcome, entry.reason, entry.kind, entry.actor) == (
        "refused",
        "relation-insufficient",
        "carer",
        str(carer_id),
    )
    closing = (await entries(api, record_id, "close-record"))[-1]
    assert (closing.outcome, closing.kind, closing.actor) == ("refused", "carer", str(carer_id))


async def test_a_representative_invites_for_the_minor(api: IdentityApi) -> None:
    own_id = await adult(api, 1)
    record_id = UUID((await open_minor(api, 1, born=MINOR)).json()["record_id"])
    carer_id = await adult(api, 2)
    invited = await invite(api, record_id, headers=await acting(api, own_id, record_id))
    assert invited.status_code == 201, invited.text
    assert (await answer(api, carer_id, code=await api.code("carer-invitation"))).status_code == 200
    entry = (await entries(api, record_id, "invite-carer"))[0]
    assert (entry.kind, entry.actor) == ("representative", str(own_id))
    last = (await people(api, record_id))[-1]
    assert (
        [representative.person_id for representative in last.representatives],
        [carer.person_id for carer in last.carers],
    ) == (
        [own_id],
        [carer_id],
    )


@pytest.mark.parametrize(
    "headers",
    [
        own(uuid4()),
        administrator(),
        bearer(professional_token("899700000001")),
        bearer(make_token("software", "s", scope="records.open")),
    ],
    ids=["another holder", "an administrator", "a professional", "software"],
)
async def test_nobody_else_invites_or_sees_carers(api: IdentityApi, headers: dict[str, str]) -> None:
    record_id, _, care_id = await cared_for(api)
    answers = [
        await invite(api, record_id, headers=headers),
        await api.client.get(f"/records/{record_id}/carers", headers=headers),
        await api.client.delete(f"/records/{record_id}/carers/{care_id}", headers=headers),
        await api.client.get(f"/records/{record_id}/people-to-call", headers=headers),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "record-unknown")}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"language": "fr"}, "invitation-invalid"),
        ({"mail": "nowhere"}, "mail-invalid"),
        ({"mail": MAIL, "language": "de"}, "language-unknown"),
        (named(2, birth_date="yesterday"), "invitation-invalid"),
        (named(2, ins={"value": "1", "oid": "1.2.250.1.213.1.4.10"}), "ins-malformed"),
        (named(1), "carer-self"),
    ],
)
async def test_an_invitation_that_names_nobody_or_oneself_is_refused(
    api: IdentityApi, body: dict[str, Any], code: str
) -> None:
    record_id = await adult(api, 1)
    response = await invite(api, record_id, body)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert await query(api.database, "select id from care_relations") == []


async def test_a_record_has_ten_carers_at_most(api: IdentityApi) -> None:
    record_id = await adult(api, 1)
    first = [await invite(api, record_id, {"mail": f"{number}.{MAIL}"}) for number in range(10)]
    assert {response.status_code for response in first} == {201}
    await query(api.database, "delete from throttles")
    eleventh = await invite(api, record_id)
    assert (eleventh.status_code, eleventh.json()["code"]) == (409, "carers-many")
    await api.client.delete(f"/records/{record_id}/carers/{first[0].json()['care_id']}", headers=own(record_id))
    await query(api.database, "delete from throttles")
    assert (await invite(api, record_id)).status_code == 201


@pytest.mark.parametrize("body", [{"mail": MAIL}, named(9)], ids=["mail", "number"])
async def test_a_stranger_is_not_sent_invitation_after_invitation_whoever_sends_them(
    api: IdentityApi, body: dict[str, Any]
) -> None:
    records = [await adult(api, number) for number in (1, 2, 3, 4)]
    answers = [await invite(api, record_id, body) for record_id in records]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert answers[-1].json()["code"] == "too-many-tries"
    assert int(answers[-1].headers["retry-after"]) > 3000
    if "mail" in body:
        again = await invite(api, records[3], {"mail": MAIL.upper()})
        assert again.status_code == 429
        assert len(await api.messages("carer-invitation")) == 3
    assert (await invite(api, records[3], {"mail": f"other.{MAIL}"})).status_code == 201


async def test_who_guesses_codes_has_to_wait(api: IdentityApi) -> None:
    stranger = await adult(api, 3)
    codes = [(await answer(api, stranger, code="0000-0000-0000")).json()["code"] for _ in range(7)]
    assert codes[:5] == ["invitation-unknown"] * 5
    assert codes[-1] == "too-many-tries"


async def test_erasing_leaves_no_carer_and_no_invitation(api: IdentityApi) -> None:
    record_id, carer_id, _ = await cared_for(api)
    await invite(api, record_id, named(2))
    erased = await api.client.post(
        f"/records/{carer_id}/erase", json={"reason": "gdpr-decision"}, headers=administrator()
    )
    assert erased.status_code == 202, erased.text
    assert await query(api.database, "select id from care_relations") == []
    for table in ("care_relations", "people_states", "throttles"):
        matches = await query(api.database, f"select true from {table} t where t::text like $1", f"%{carer_id}%")
        assert matches == [], table
    rows = await query(api.database, "select people from people_states where record_id = $1", record_id)
    assert '"carers": []' in rows[0]["people"]


CALL = [
    {"role": "emergency", "name": "Dominique PAT-TROIS", "phone": "01 23 45 67 89", "relation": "sœur"},
    {"role": "trusted", "name": "Alix INVENTÉE", "phone": "+32 2 123 45 67", "relation": "voisine"},
]


async def test_people_to_call_are_given_by_the_holder_and_seen_by_the_carer(api: IdentityApi) -> None:
    record_id, carer_id, _ = await cared_for(api)
    path = f"/records/{record_id}/people-to-call"
    assert (await api.client.get(path, headers=own(record_id))).json() == {"people": []}
    put = await api.client.put(path, json={"people": CALL}, headers=own(record_id))
    assert put.status_code == 200, put.text
    shown = (await api.client.get(path, headers=await acting(api, carer_id, record_id))).json()["people"]
    assert [person["phone"] for person in shown] == ["+33123456789", "+3221234567"]
    assert [person["name"] for person in shown] == [person["name"] for person in CALL]
    stored = await query(api.database, "select sealed from people_to_call")
    assert b"PAT-TROIS" not in stored[0]["sealed"]
    assert [entry.reason for entry in await entries(api, record_id, "change-contact")] == ["people-to-call"]
    again = await api.client.put(path, json={"people": CALL[:1]}, headers=own(record_id))
    assert len(again.json()["people"]) == 1
    first, second = [event for event in await announced(api.database) if isinstance(event, PeopleToCallChanged)]
    assert (first.version, second.version, "PAT-TROIS" in first.sealed) == (1, 2, False)
    [called] = orjson.loads(RING.decrypt_jwe(second.sealed, sealed_place("people-to-call", record_id)))
    assert called == {**CALL[0], "phone": "+33123456789"}
    two = await api.client.put(path, json={"people": [CALL[1], CALL[1]]}, headers=own(record_id))
    assert (two.status_code, two.json()["code"]) == (422, "people-to-call-invalid")


async def test_a_list_that_is_older_than_its_topic_is_announced_once(api: IdentityApi) -> None:
    record_id = await adult(api, 5)
    await api.client.put(f"/records/{record_id}/people-to-call", json={"people": CALL}, headers=own(record_id))
    await query(api.database, "update people_to_call set version = 0")
    storage = Storage(api.pool, KEYRINGS)
    assert [await announce_people_to_call(storage) for _ in range(2)] == [1, 0]
    again = [event for event in await announced(api.database) if isinstance(event, PeopleToCallChanged)][-1]
    called = orjson.loads(RING.decrypt_jwe(again.sealed, sealed_place("people-to-call", record_id)))
    assert (again.version, [person["name"] for person in called]) == (1, [person["name"] for person in CALL])


async def test_a_refusal_is_told_in_french_to_who_reads_french(api: IdentityApi) -> None:
    stranger = await adult(api, 3)
    headers = {**own(stranger), "accept-language": "fr"}
    body = {"answer": "accepted", "code": "0000-0000-0000"}
    response = await api.client.post("/invitations/answer", json=body, headers=headers)
    assert response.json()["detail"].startswith("Il n’y a pas de telle invitation")
