"""Emergencies by session: whole to the person's side, counts to the structure, nothing to others."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from services.audit.emergencies.domain import WeekInvalidError, week_bounds
from services.audit.ledger import store
from shared.contracts.audit import MOTIVE as MOTIVE_PLACE
from shared.contracts.audit import AccessRecorded
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import transaction
from shared.public_names import copy_names
from shared.runtime import clock
from tests.infra.audit.keys import MOTIVES
from tests.infra.audit.ledger import DOCTOR, HOSPITAL, PARENT, Ledger, doctor, judged, parent_token, reading
from tests.infra.http.tokens import (
    bearer,
    make_token,
    operator_token,
    patient_token,
    professional_token,
    software_token,
)
from tests.infra.messaging.messages import message, outbox

MOTIVE = "patient inconscient, recherche d'allergies"
SECRET_FROM_PARENTS = "INVISIBLE_REPRESENTANTS_LEGAUX"
WEEK = "2026-W47"
MONDAY = datetime(2026, 11, 16, 9, tzinfo=ZoneInfo("Europe/Paris"))


async def name_them(ledger: Ledger) -> None:
    person = ProfessionalChanged(professional_id=DOCTOR, version=1, name="Dr Alix Marbeuf", profession="10")
    place = StructureChanged(structure_id=HOSPITAL, version=1, name="Hôpital des Trois Rivières")
    async with transaction(ledger.pool) as connection:
        await copy_names(connection, [message(person), message(place)])


async def opened(
    ledger: Ledger, action: str = "read-document", *, motive: str | None = MOTIVE, who: str = DOCTOR, **more: Any
) -> UUID:
    """A physician reads in an emergency."""
    facts = reading(mode="bris_de_glace", motive=True, record_named=True, break_glass=True)
    sealed = None if motive is None else MOTIVES.transport_keys.encrypt_jwe(motive.encode(), MOTIVE_PLACE)
    decision = {**judged(facts), "mode": "bris_de_glace", "motive": sealed, **more}
    return await ledger.access(doctor(who), action, decision, at=decision.pop("at", None))


async def listed(ledger: Ledger, token: str | None = None) -> list[dict[str, Any]]:
    headers = bearer(token or patient_token(ledger.record_id))
    answer = await ledger.client.get(f"/records/{ledger.record_id}/emergencies", headers=headers)
    assert answer.status_code == 200, answer.text
    emergencies: list[dict[str, Any]] = answer.json()["emergencies"]
    return emergencies


async def of_structure(ledger: Ledger, token: str, week: str = WEEK) -> list[dict[str, Any]]:
    path = f"/structures/{HOSPITAL}/emergencies"
    answer = await ledger.client.get(path, params={"week": week}, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    assert answer.json()["week"] == week
    emergencies: list[dict[str, Any]] = answer.json()["emergencies"]
    return emergencies


async def test_the_patient_sees_each_session_with_its_motive_and_what_was_read(ledger: Ledger) -> None:
    await name_them(ledger)
    first, second = await ledger.document(), await ledger.document()
    first_document, second_document = uuid4(), uuid4()
    await opened(ledger, "find-documents", session_id=first_document)
    await opened(ledger, document_id=first, session_id=first_document)
    await opened(ledger, document_id=second, session_id=first_document)
    await opened(ledger, document_id=first, session_id=first_document)
    await opened(ledger, "find-documents", session_id=second_document, motive=None)
    newer, older = await listed(ledger)
    assert older["professional"] == {"id": DOCTOR, "name": "Dr Alix Marbeuf"}
    assert older["organisation"] == {"id": HOSPITAL, "name": "Hôpital des Trois Rivières"}
    assert (older["mode"], older["motive"], older["searches"]) == ("bris_de_glace", MOTIVE, 1)
    assert [read["document_id"] for read in older["documents"]] == [str(first), str(second)]
    lasted = datetime.fromisoformat(older["until"]) - datetime.fromisoformat(older["from"])
    assert lasted == timedelta(seconds=3)
    assert (newer["motive"], newer["documents"]) == (None, [])


async def test_nothing_else_is_a_session_of_an_emergency(ledger: Ledger) -> None:
    document = await ledger.document()
    await ledger.access(doctor(), "read-document", judged(reading()), document_id=document)
    await opened(ledger, document_id=document, outcome="refused", reason="emergency-opposed")
    await opened(ledger, "explain-decision")
    assert await listed(ledger) == []


async def test_what_must_not_be_known_is_left_out_of_a_session_but_not_the_session(ledger: Ledger) -> None:
    await ledger.record()
    hidden, from_parents = (
        await ledger.document("N", "INVISIBLE_PATIENT"),
        await ledger.document("N", SECRET_FROM_PARENTS),
    )
    session = uuid4()
    for document in (hidden, from_parents):
        await opened(ledger, document_id=document, session_id=session)
    [emergency] = await listed(ledger)
    assert [read["document_id"] for read in emergency["documents"]] == [str(from_parents)]
    [to_parents] = await listed(ledger, parent_token(ledger.record_id))
    assert (to_parents["documents"], to_parents["motive"]) == ([], MOTIVE)


async def test_once_the_records_key_is_destroyed_no_motive_can_be_read(ledger: Ledger) -> None:
    await opened(ledger)
    async with transaction(ledger.pool) as connection:
        await store.destroy_key(connection, ledger.record_id)
    [emergency] = await listed(ledger)
    assert emergency["motive"] is None


async def test_the_asking_is_announced_and_nobody_else_may_ask(ledger: Ledger) -> None:
    await listed(ledger)
    announced = (await outbox(ledger.pool))[-1]
    assert isinstance(announced, AccessRecorded)
    assert (announced.action, announced.outcome, announced.record_id) == (
        "list-emergencies",
        "permitted",
        ledger.record_id,
    )
    path = f"/records/{ledger.record_id}/emergencies"
    carer = make_token("carer", str(uuid4()), record_id=ledger.record_id)
    for token in (carer, professional_token(DOCTOR), software_token("software-1", HOSPITAL), operator_token()):
        assert (await ledger.client.get(path, headers=bearer(token))).status_code == 403
    for token in (patient_token(uuid4()), parent_token(uuid4())):
        assert (await ledger.client.get(path, headers=bearer(token))).status_code == 404


async def test_a_structure_sees_its_week_in_counts_and_no_patient(ledger: Ledger) -> None:
    await name_them(ledger)
    session, document = uuid4(), uuid4()
    await opened(ledger, document_id=document, session_id=session, at=MONDAY)
    await opened(ledger, document_id=uuid4(), session_id=session, at=MONDAY + timedelta(minutes=5))
    mine, ledger.record_id = ledger.record_id, uuid4()
    await opened(ledger, document_id=uuid4(), session_id=session, at=MONDAY + timedelta(minutes=9))
    await opened(ledger, "find-documents", motive=None, who="899700000002", at=MONDAY + timedelta(days=6))
    await opened(ledger, at=MONDAY - timedelta(days=1))
    await opened(ledger, at=MONDAY + timedelta(days=7))
    tokens = (software_token("his", HOSPITAL), make_token("administrator", "admin"), operator_token())
    weeks = [await of_structure(ledger, token) for token in tokens]
    assert weeks[0] == weeks[1] == weeks[2]
    later, first = weeks[0]
    assert first["professional"] == {"id": DOCTOR, "name": "Dr Alix Marbeuf"}
    assert (first["records"], first["documents"], first["motive_given"]) == (2, 3, True)
    assert (later["professional"]["id"], later["records"], later["motive_given"]) == ("899700000002", 1, False)
    text = str(weeks)
    assert not any(str(id) in text for id in (mine, ledger.record_id, document, session))
    assert MOTIVE not in text


async def test_a_structure_sees_no_other_structures_emergencies(ledger: Ledger) -> None:
    path = f"/structures/{HOSPITAL}/emergencies"
    for token in (
        software_token("other", "1750000002"),
        professional_token(DOCTOR, organisation_id=HOSPITAL),
        patient_token(ledger.record_id),
    ):
        assert (await ledger.client.get(path, params={"week": WEEK}, headers=bearer(token))).status_code == 403
    wrong = await ledger.client.get(path, params={"week": "2026-W60"}, headers=bearer(operator_token()))
    assert (wrong.status_code, wrong.json()["code"]) == (422, "week-invalid")


@pytest.mark.parametrize("text", ["2026-W00", "2026-W54", "2025-W53", "2026-47", "2026W47", "W47", "", "1999-W01"])
def test_what_is_no_week_is_refused(text: str) -> None:
    with pytest.raises(WeekInvalidError):
        week_bounds(text)


def test_a_week_is_one_of_france_also_when_the_clocks_change() -> None:
    since, until = week_bounds("2026-W43")
    assert (since.isoformat(), until.isoformat()) == ("2026-10-19T00:00:00+02:00", "2026-10-26T00:00:00+01:00")


async def test_a_representative_has_the_list_of_accesses_without_what_is_not_theirs(ledger: Ledger) -> None:
    await ledger.record()
    hidden, from_parents, visible = (
        await ledger.document("N", "INVISIBLE_PATIENT"),
        await ledger.document("N", SECRET_FROM_PARENTS),
        await ledger.document(),
    )
    for document in (hidden, from_parents, visible):
        await ledger.access(doctor(), "read-document", judged(reading()), document_id=document)
    await ledger.access(doctor(), "find-documents", judged(reading()), mode="secret")
    token = parent_token(ledger.record_id)
    path = f"/records/{ledger.record_id}/accesses"
    answer = await ledger.client.get(path, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    lines = answer.json()["accesses"]
    assert [(line["action"], line["document_id"]) for line in lines] == [
        ("read-document", str(visible)),
        ("deposit-document", str(visible)),
    ]
    [announced] = [event for event in await outbox(ledger.pool) if isinstance(event, AccessRecorded)]
    assert (announced.actor.kind, announced.actor.id, announced.reason) == (
        "representative",
        str(PARENT),
        "representative",
    )
    await ledger.tell(announced, clock.now())
    again = (await ledger.client.get(path, headers=bearer(token))).json()["accesses"][0]
    assert (again["who"]["kind"], again["who"]["you"]) == ("representative", True)
    for_patient = await ledger.client.get(path, headers=bearer(patient_token(ledger.record_id)))
    assert for_patient.json()["accesses"][0]["who"] == {
        "kind": "representative",
        "you": False,
        "id": None,
        "name": None,
        "profession": None,
    }
    carer = make_token("carer", str(uuid4()), record_id=ledger.record_id)
    assert (await ledger.client.get(path, headers=bearer(carer))).status_code == 403
    stranger = parent_token(uuid4())
    assert (await ledger.client.get(path, headers=bearer(stranger))).status_code == 404
