"""Why: told whole to the person, with care to a representative, and to a professional never by whose choice."""

from typing import Any
from uuid import UUID, uuid4

import httpx2

from shared.access import RULES_VERSION, Facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Seen
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentRefused
from shared.runtime import clock
from tests.infra.audit.ledger import DOCTOR, HOSPITAL, Ledger, doctor, judged, parent_token, reading
from tests.infra.http.tokens import (
    bearer,
    make_token,
    operator_token,
    patient_token,
    professional_token,
    software_token,
)
from tests.infra.messaging.messages import outbox

SECRET_FROM_PARENTS = "INVISIBLE_REPRESENTANTS_LEGAUX"


async def ask(ledger: Ledger, entry: UUID, token: str, language: str = "en") -> httpx2.Response:
    headers = {**bearer(token), "accept-language": language}
    return await ledger.client.get(f"/entries/{entry}/explanation", headers=headers)


async def explanation_of(ledger: Ledger, entry: UUID, token: str, language: str = "en") -> dict[str, Any]:
    answer = await ask(ledger, entry, token, language)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-language"] == language
    explanation: dict[str, Any] = answer.json()
    return explanation


async def test_the_patient_is_told_each_rule_in_order_and_the_sentence_in_the_own_language(ledger: Ledger) -> None:
    document = await ledger.document()
    answer = judged(reading(blocked="professional"))
    entry = await ledger.access(doctor(), "read-document", answer, document_id=document, matrix="decree-2023")
    mine = patient_token(ledger.record_id)
    english, french = await explanation_of(ledger, entry, mine), await explanation_of(ledger, entry, mine, "fr")
    assert (english["outcome"], english["reason"], english["recomputed"]) == ("refused", "blocked", True)
    assert (english["rules_version"], english["matrix"]) == (RULES_VERSION, "decree-2023")
    assert english["sentence"] == "The person has blocked this professional or the structure."
    assert french["sentence"] == "La personne a bloqué ce professionnel ou sa structure."
    *met, last = english["steps"]
    assert all(step["met"] for step in met)
    assert [step["code"] for step in met[:3]] == [
        "kind-not-permitted",
        "profession-not-permitted",
        "mode-not-permitted",
    ]
    assert (last["code"], last["met"], last["facts"]) == ("blocked", False, {"blocked": "professional"})


async def test_what_a_professional_was_refused_by_choice_reads_like_what_does_not_exist(ledger: Ledger) -> None:
    document = await ledger.document()
    refused_by_choice = [
        await ledger.access(doctor(), "read-document", judged(reading(**{name: value})), document_id=document)
        for name, value in (
            ("blocked", "both"),
            ("authorisation", "none"),
            ("section_hidden", True),
            ("labels", frozenset({"N", "MASQUE_PS"})),
            ("document_status", "deleted"),
        )
    ]
    mine = professional_token(DOCTOR)
    missing = await ask(ledger, clock.new_id(), mine)
    assert missing.status_code == 404
    for entry in refused_by_choice:
        answer = await ask(ledger, entry, mine)
        assert (answer.status_code, answer.content) == (404, missing.content)
        assert answer.headers.keys() == missing.headers.keys()
    assert {event.outcome for event in await outbox(ledger.pool) if isinstance(event, AccessRecorded)} == {"refused"}


async def test_a_professional_is_told_of_own_readings_and_of_refusals_that_are_nobodys_choice(ledger: Ledger) -> None:
    document = await ledger.document()
    permitted = await ledger.access(doctor(), "read-document", judged(reading()), document_id=document)
    unmotivated = judged(reading(mode="bris_de_glace", break_glass=True))
    refused = await ledger.access(doctor(), "read-document", unmotivated, mode="bris_de_glace", document_id=document)
    mine, others_token = professional_token(DOCTOR), professional_token("899700000002")
    assert (await explanation_of(ledger, permitted, mine))[
        "sentence"
    ] == "The person has authorised this professional or the structure."
    explanation = await explanation_of(ledger, refused, mine)
    assert explanation["reason"] == "motive-missing"
    assert "break_glass" not in str(explanation)
    for entry in (permitted, refused):
        assert (await ask(ledger, entry, others_token)).status_code == 404


async def test_of_a_search_the_answer_for_each_kind_of_document_is_told(ledger: Ledger) -> None:
    searched = reading(action="find", document_status=None, document_type=None, labels=frozenset())

    def combination(labels: list[str], outcome: str, reason: str) -> dict[str, Any]:
        return {"facts": {"document_type": "34133-9", "labels": labels}, "outcome": outcome, "reason": reason}

    combinations = [
        combination(["N"], "permitted", "authorised"),
        combination(["MASQUE_PS", "N"], "refused", "masked"),
        combination(["INVISIBLE_PATIENT", "N"], "permitted", "authorised"),
    ]
    entry = await ledger.access(doctor(), "find-documents", judged(searched), combinations=combinations)
    for_patient = (await explanation_of(ledger, entry, patient_token(ledger.record_id)))["combinations"]
    assert [(answer["outcome"], answer["reason"]) for answer in for_patient] == [
        ("permitted", "authorised"),
        ("refused", "masked"),
    ]
    for_doctor = (await explanation_of(ledger, entry, professional_token(DOCTOR)))["combinations"]
    assert {combination["outcome"] for combination in for_doctor} == {"permitted"}


async def test_a_refused_deposit_is_explained_by_the_decision_that_it_rests_on(ledger: Ledger) -> None:
    document, deposit = await ledger.document(), uuid4()
    facts = Facts(action="deposit", actor_kind="software", record_status="open", blocked="none")
    answer = judged(facts)
    ids: dict[str, Any] = {
        "record_id": ledger.record_id,
        "document_id": document,
        "deposit_id": deposit,
        "organisation_id": HOSPITAL,
    }
    seen, now = Seen(), clock.now()
    with_structure = {**answer, "facts": {**answer["facts"], "organisation_id": HOSPITAL}}
    decision = await ledger.tell(DepositDecided(**ids, **with_structure, seen=seen, decided_at=now))
    refused = DocumentRefused(**ids, reason="consent-opposed", decision_id=decision, refused_at=now)
    entry = await ledger.tell(refused)
    explanation = await explanation_of(ledger, entry, patient_token(ledger.record_id))
    assert (explanation["reason"], explanation["recomputed"]) == ("consent-opposed", True)
    assert explanation["sentence"] == "The person objects to deposits by this organisation."
    assert explanation["steps"][-1]["code"] == "consent-opposed"


async def test_what_was_no_decision_of_the_rules_is_said_to_be_none(ledger: Ledger) -> None:
    answer = {"outcome": "permitted", "reason": "code-right"}
    entry = await ledger.access(Actor(kind="patient", id=str(ledger.record_id)), "sign-in", answer)
    explanation = await explanation_of(ledger, entry, patient_token(ledger.record_id))
    assert (explanation["steps"], explanation["recomputed"]) == ([], False)
    assert explanation["sentence"] == "No decision of the access rules lies behind this entry."


async def test_the_persons_side_is_told_of_nothing_that_it_may_not_know(ledger: Ledger) -> None:
    await ledger.record()
    hidden, from_parents, visible = (
        await ledger.document("N", "INVISIBLE_PATIENT"),
        await ledger.document("N", SECRET_FROM_PARENTS),
        await ledger.document(),
    )
    entries = {
        document: await ledger.access(doctor(), "read-document", judged(reading()), document_id=document)
        for document in (hidden, from_parents, visible)
    }
    secretly = await ledger.access(doctor(), "find-documents", judged(reading()), mode="secret")
    mine, parents = patient_token(ledger.record_id), parent_token(ledger.record_id)
    seen = {entry: (await ask(ledger, entry, mine)).status_code for entry in (*entries.values(), secretly)}
    by_parents = {entry: (await ask(ledger, entry, parents)).status_code for entry in (*entries.values(), secretly)}
    assert list(seen.values()) == [404, 200, 200, 200]
    assert list(by_parents.values()) == [404, 404, 200, 404]


async def test_nobody_else_is_told_anything(ledger: Ledger) -> None:
    entry = await ledger.access(doctor(), "find-documents", judged(reading()))
    assert (await ask(ledger, entry, patient_token(uuid4()))).status_code == 404
    other = Ledger(ledger.client)
    await other.record()
    assert (await ask(ledger, entry, parent_token(other.record_id))).status_code == 404
    carer = make_token("carer", str(uuid4()), record_id=ledger.record_id)
    for token in (carer, software_token("software-1", HOSPITAL), operator_token()):
        assert (await ask(ledger, entry, token)).status_code == 403
    assert (await ask(ledger, uuid4(), patient_token(ledger.record_id))).status_code == 404


async def test_the_asking_is_an_entry_itself(ledger: Ledger) -> None:
    document = await ledger.document()
    entry = await ledger.access(doctor(), "read-document", judged(reading()), document_id=document)
    before = len(await outbox(ledger.pool))
    await explanation_of(ledger, entry, patient_token(ledger.record_id))
    [announced] = (await outbox(ledger.pool))[before:]
    assert isinstance(announced, AccessRecorded)
    assert (announced.action, announced.outcome, announced.reason) == ("explain-decision", "permitted", "own-record")
    assert (announced.record_id, announced.document_id) == (ledger.record_id, document)
