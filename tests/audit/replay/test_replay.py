"""Decisions are decided again from what the ledger keeps: nothing differs, until a rule is taken away."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.access import RELEASES, RULES_VERSION, Facts, encode_facts, readers
from shared.access.requirements import Requirement
from shared.contracts.base import Actor, Seen
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentRelabelled
from shared.runtime import clock
from tests.infra.audit import ledger as made
from tests.infra.audit.ledger import DOCTOR, HOSPITAL, Ledger, doctor, judged
from tests.infra.http.tokens import (
    bearer,
    make_token,
    operator_token,
    patient_token,
    professional_token,
    software_token,
)


async def replay(ledger: Ledger, **query: Any) -> dict[str, Any]:
    """All parts, summed up as `dmp replay` does."""
    span = {"from": (clock.now() - timedelta(days=1)).isoformat(), "to": clock.now().isoformat(), **query}
    answer = await ledger.client.get("/replay", params=span, headers=bearer(operator_token()))
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    if result["next"]:
        rest = await replay(ledger, **{**query, "after": result["next"]})
        for name in ("entries", "decisions", "without_facts", "unreadable", "differences"):
            result[name] += rest[name]
    return result


async def fill(ledger: Ledger) -> None:
    """A read, a masked one, a change of rights, a change of labels, a deposit, a search of three kinds of documents."""
    document = await ledger.document()
    masked = made.reading(labels=frozenset({"N", "MASQUE_PS"}))
    await ledger.access(doctor(), "read-document", judged(made.reading()), document_id=document)
    await ledger.access(doctor(), "read-document", judged(masked), document_id=document)
    holder = {"actor_kind": "patient", "relation": "holder", "record_status": "open"}
    change = Facts(action="change-rights", change="block-professional", **holder)  # type: ignore[arg-type]
    patient = Actor(kind="patient", id=str(ledger.record_id))
    await ledger.access(patient, "block-professional", judged(change), subject_id=DOCTOR)
    too_many = {**judged(change), "outcome": "refused", "reason": "too-many-changes"}
    await ledger.access(patient, "block-professional", too_many, subject_id=DOCTOR)
    ids: dict[str, Any] = {
        "record_id": ledger.record_id,
        "document_id": document,
        "deposit_id": uuid4(),
        "organisation_id": HOSPITAL,
    }
    label = Facts(action="label", change="mask", document_status="published", labels=frozenset({"N"}), **holder)  # type: ignore[arg-type]
    facts = {"rules_version": RULES_VERSION, "facts": encode_facts(label)}
    labels = ("N", "MASQUE_PS")
    await ledger.tell(
        DocumentRelabelled(**ids, actor=patient, change="mask", labels=labels, changed_at=clock.now(), **facts)  # type: ignore[arg-type]
    )
    deposit = judged(Facts(action="deposit", actor_kind="software", record_status="open", blocked="none"))
    deposit["facts"] = {**deposit["facts"], "organisation_id": HOSPITAL}
    await ledger.tell(DepositDecided(**ids, **deposit, seen=Seen(), decided_at=clock.now()))
    await search(ledger)


async def search(ledger: Ledger) -> None:
    common = made.reading(
        action="find", document_status=None, document_type=None, labels=frozenset(), matrix_cell="unknown"
    )
    shared = encode_facts(common)
    combinations = []
    for more in ({}, {"labels": frozenset({"N", "MASQUE_PS"})}, {"matrix_cell": "denied"}):
        answer = judged(made.reading(**{"action": "find", **more}))
        document_facts = {name: value for name, value in answer["facts"].items() if name not in shared}
        combinations.append({"facts": document_facts, "outcome": answer["outcome"], "reason": answer["reason"]})
    await ledger.access(doctor(), "find-documents", judged(common), combinations=combinations)


async def search_as_author(ledger: Ledger, **more: Any) -> None:
    """Who may not search the record finds the own document in it, and not the other one."""
    common = made.reading(action="find", document_status=None, document_type=None, labels=frozenset(), **more)
    combinations = []
    for authorship in ({"author": True}, {}):
        answer = judged(made.reading(action="find", **more, **authorship))
        facts = {name: value for name, value in answer["facts"].items() if name not in encode_facts(common)}
        combinations.append({"facts": facts, "outcome": answer["outcome"], "reason": answer["reason"]})
    assert [combination["outcome"] for combination in combinations] == ["permitted", "refused"]
    decision = {**judged(common), "outcome": "permitted", "reason": combinations[0]["reason"]}
    await ledger.access(doctor(), "find-documents", decision, combinations=combinations)


@pytest.mark.parametrize(
    "more", [{"authorisation": "none"}, {"mode": "bris_de_glace", "motive": True, "record_named": True}], ids=str
)
async def test_an_authors_search_is_decided_again_as_it_was(ledger: Ledger, more: dict[str, Any]) -> None:
    await search_as_author(ledger, **more)
    result = await replay(ledger)
    assert (result["decisions"], result["differences"]) == (3, [])


async def test_a_rule_that_shuts_an_author_out_shows_in_the_search_that_was_let_through(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await search_as_author(ledger, authorisation="none")
    nothing = Requirement("not-in-matrix", lambda facts: not facts.author, hides_existence=True)
    monkeypatch.setitem(readers.READERS, "professional", (*readers.READERS["professional"], nothing))
    differences = (await replay(ledger))["differences"]
    assert [(difference["combination"], difference["now"]["reason"]) for difference in differences] == [
        (None, "not-authorised"),
        (0, "not-in-matrix"),
    ]


@pytest.mark.parametrize("limit", [1, 3, 2000])
async def test_under_the_same_rules_nothing_differs(ledger: Ledger, limit: int) -> None:
    await fill(ledger)
    result = await replay(ledger, limit=limit)
    assert (result["entries"], result["decisions"]) == (7, 10)
    assert (result["without_facts"], result["unreadable"], result["differences"]) == (0, 0, [])


async def test_a_rule_that_is_taken_away_shows_in_each_decision_that_it_made(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(ledger)
    weaker = {
        kind: tuple(requirement for requirement in requirements if requirement.reason != "masked")
        for kind, requirements in readers.READERS.items()
    }
    monkeypatch.setitem(readers.READERS, "professional", weaker["professional"])
    differences = (await replay(ledger))["differences"]
    assert [(difference["action"], difference["combination"]) for difference in differences] == [
        ("read-document", None),
        ("find-documents", 1),
    ]
    for difference in differences:
        assert difference["then"] == {"outcome": "refused", "reason": "masked"}
        assert difference["now"] == {"outcome": "permitted", "reason": "authorised"}
        assert (difference["rules_version"], difference["made_by"]) == (RULES_VERSION, [])
    text = str(differences)
    assert not any(id in text for id in (DOCTOR, HOSPITAL, str(ledger.record_id)))


async def test_decisions_of_other_rules_and_those_without_facts_are_told_apart(ledger: Ledger) -> None:
    older = {**judged(made.reading(blocked="both")), "rules_version": "1", "reason": "barred"}
    entry = await ledger.access(doctor(), "read-document", older)
    await ledger.access(
        doctor(), "read-document", {"outcome": "permitted", "reason": "authorised", "rules_version": "1"}
    )
    odd = {**judged(made.reading()), "facts": {"authorised": True}, "rules_version": "1"}
    await ledger.access(doctor(), "read-document", odd)
    await ledger.access(doctor(), "sign-in", {"outcome": "permitted", "reason": "code-right"})
    result = await replay(ledger)
    assert (result["entries"], result["decisions"], result["without_facts"], result["unreadable"]) == (3, 1, 1, 1)
    [difference] = result["differences"]
    assert (difference["event_id"], difference["rules_version"]) == (str(entry), "1")
    assert difference["made_by"] == list(RELEASES)[1:]
    assert (difference["then"]["reason"], difference["now"]["reason"]) == ("barred", "blocked")


async def test_what_a_release_changed_is_told_with_it(ledger: Ledger) -> None:
    carers = Facts(
        action="change-rights",
        change="hide-section",
        actor_kind="carer",
        relation="carer",
        record_status="open",
        copies_fresh=True,
    )
    carer = Actor(kind="carer", id=str(uuid4()))
    then = {"outcome": "refused", "reason": "kind-not-permitted", "rules_version": "2", "facts": encode_facts(carers)}
    entry = await ledger.access(carer, "hide-section", then)
    await ledger.access(carer, "hide-section", judged(carers))
    await ledger.access(doctor(), "read-document", {**judged(made.reading()), "rules_version": "2"})
    future = {**judged(made.reading()), "reason": "blocked", "outcome": "refused", "rules_version": "99"}
    unknown = await ledger.access(doctor(), "read-document", future)
    result = await replay(ledger)
    assert (result["rules_version"], result["releases"]) == (RULES_VERSION, RELEASES)
    by_carer, by_later_rules = result["differences"]
    assert by_carer == {
        "event_id": str(entry),
        "action": "hide-section",
        "combination": None,
        "rules_version": "2",
        "made_by": list(RELEASES)[2:],
        "decided_under": RULES_VERSION,
        "then": {"outcome": "refused", "reason": "kind-not-permitted"},
        "now": {"outcome": "permitted", "reason": "carer"},
    }
    assert (by_later_rules["event_id"], by_later_rules["made_by"]) == (str(unknown), [])


async def test_a_replacement_of_before_is_decided_under_its_own_rules_and_then_under_the_present_ones(
    ledger: Ledger,
) -> None:
    replacement = Facts(
        action="replace",
        actor_kind="software",
        record_status="open",
        own_deposit=True,
        document_status="published",
        labels=frozenset({"N"}),
        labels_asked=frozenset({"N"}),
        blocked="structure",
        organisation_objected=True,
    )
    software = Actor(kind="software", id="software-1", organisation_id=HOSPITAL)
    permitted = {
        "outcome": "permitted",
        "reason": "own-deposit",
        "rules_version": "3",
        "facts": encode_facts(replacement),
    }
    await ledger.access(software, "replace-document", permitted)
    refused = {**permitted, "outcome": "refused", "reason": "lifting-is-final"}
    wrong = await ledger.access(software, "replace-document", refused)
    made_by_release, never_so = (await replay(ledger))["differences"]
    assert (made_by_release["decided_under"], made_by_release["made_by"]) == (RULES_VERSION, list(RELEASES)[3:])
    assert made_by_release["now"] == {"outcome": "refused", "reason": "consent-opposed"}
    assert (never_so["event_id"], never_so["decided_under"], never_so["made_by"]) == (str(wrong), "3", [])


async def test_what_was_decided_under_a_kept_version_is_decided_again_under_it(ledger: Ledger) -> None:
    status = {"authorisation": "none", "attending_doctor": True}
    then = {"outcome": "permitted", "reason": "attending-doctor", "rules_version": "3"}
    pharmacist = {**then, "facts": encode_facts(made.reading(**status, profession="G15_21"))}
    entry = await ledger.access(doctor(), "read-document", pharmacist)
    await ledger.access(doctor(), "read-document", {**then, "facts": encode_facts(made.reading(**status))})
    broken = {**then, "facts": encode_facts(made.reading(**status, blocked="both"))}
    wrong = await ledger.access(doctor(), "read-document", broken)
    changed, fault = (await replay(ledger))["differences"]
    assert (changed["event_id"], changed["decided_under"], changed["made_by"]) == (
        str(entry),
        RULES_VERSION,
        list(RELEASES)[3:],
    )
    assert changed["now"] == {"outcome": "refused", "reason": "not-authorised"}
    assert (fault["event_id"], fault["decided_under"], fault["made_by"]) == (str(wrong), "3", [])
    assert fault["now"] == {"outcome": "refused", "reason": "blocked"}


async def test_an_emergency_of_before_named_no_record_and_is_decided_again_as_it_was(ledger: Ledger) -> None:
    urgent = {"authorisation": "none", "mode": "bris_de_glace", "motive": True, "break_glass": True}
    then = {"outcome": "permitted", "reason": "break-glass", "rules_version": "4"}
    await ledger.access(doctor(), "read-document", {**then, "facts": encode_facts(made.reading(**urgent))})
    [changed] = (await replay(ledger))["differences"]
    assert (changed["decided_under"], changed["made_by"]) == (RULES_VERSION, list(RELEASES)[4:])
    assert changed["now"] == {"outcome": "refused", "reason": "record-not-named"}


async def test_what_lies_outside_the_time_asked_for_is_left_alone(ledger: Ledger) -> None:
    await fill(ledger)
    before = (clock.now() - timedelta(hours=2)).isoformat()
    assert (await replay(ledger, to=before))["entries"] == 0


async def test_only_an_operator_has_decisions_decided_again(ledger: Ledger) -> None:
    span = {"from": clock.now().isoformat(), "to": clock.now().isoformat()}
    other_tokens = (
        patient_token(ledger.record_id),
        professional_token(DOCTOR),
        software_token("software-1", HOSPITAL),
        make_token("administrator", "admin", scope="operations"),
        make_token("operator", "ops"),
    )
    for token in other_tokens:
        assert (await ledger.client.get("/replay", params=span, headers=bearer(token))).status_code == 403
    earlier = (clock.now() - timedelta(days=1)).isoformat()
    for wrong, code in (({"after": "yesterday"}, "cursor-invalid"), ({"to": earlier}, "span-invalid")):
        answer = await ledger.client.get("/replay", params={**span, **wrong}, headers=bearer(operator_token()))
        assert (answer.status_code, answer.json()["code"]) == (422, code)
