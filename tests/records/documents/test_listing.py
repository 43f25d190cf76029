"""The rules asked once a combination answer for each document as if they were asked for it alone: 200,000 cases."""

import random
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.records.copies.domain.choices import Choices, choices_of
from services.records.copies.domain.copies import CopyAge, RecordContext
from services.records.copies.domain.people import NOBODY, People
from services.records.documents.domain.search import search_record
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import combination_of, document_facts, request_facts
from services.records.facts.domain.rules import FactsRules
from shared.access import Permit, Refusal, decide, decode_facts, encode_facts
from shared.contracts.base import Actor
from shared.terminology.documents import document_types
from shared.terminology.matrix import packaged

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMIT = timedelta(seconds=120)
RECORD, OTHER, PERSON = (UUID(int=n, version=4) for n in (1, 2, 3))
DOCTORS, STRUCTURES = ("899900000018", "899900000026", "899900000034"), ("1750000001", "1750000002")
TYPES = ("11488-4", "11502-2", "ATTEST-RESID", "EXPPAT_3", "75496-0", "REMB")
LABELS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX", "R")
DOCUMENTS = 40
_TIMES = ("2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z")


@dataclass(frozen=True)
class Somebody:
    """Who asks."""

    kind: str
    id: str
    client_id: str
    record_id: UUID | None
    profession: str | None
    organisation_id: str | None
    session_id: UUID | None
    mode: str
    motive: str | None
    patient_present: UUID | None
    never: str | None = None
    named: tuple[UUID, ...] = ()

    def names(self, record_id: UUID) -> bool:
        return record_id in self.named

    def actor(self) -> Actor:
        """Nobody asks for it here."""
        raise NotImplementedError


def somebody(choose: random.Random) -> Somebody:
    kind = choose.choice(
        ["professional"] * 8 + ["patient", "representative", "carer", "software", "application", "operator", "insurer"]
    )
    of_person = kind in ("patient", "representative", "carer")
    mode = choose.choice(["normal"] * 4 + ["bris_de_glace", "centre_15", "secret", "odd"])
    return Somebody(
        kind=kind,
        id=str(PERSON) if of_person else choose.choice(DOCTORS),
        client_id=choose.choice(["app-1", "app-2"]),
        record_id=choose.choice([RECORD, OTHER, None]) if of_person else None,
        profession=choose.choice(["G15_10", "10", "G15_21", "G15_60", "G15_40", "R94_41", "A00_DISPOSITIF", None]),
        organisation_id=choose.choice([*STRUCTURES, None]),
        session_id=None,
        mode="normal" if of_person and choose.random() < 0.8 else mode,
        motive=choose.choice(["sealed", None]),
        patient_present=None,
        never=choose.choice([None] * 8 + ["occupational-medicine", "insurer"]),
    )


def some_choices(choose: random.Random) -> Choices:
    def some_authorisation() -> dict[str, Any]:
        return {
            "holder_id": choose.choice([*DOCTORS, *STRUCTURES]),
            "from": choose.choice(_TIMES),
            "until": choose.choice([*_TIMES, None, None]),
            "how": choose.choice(["online", "card-present", "care-team"]),
        }

    return choices_of(
        {
            "authorisations": [some_authorisation() for _ in range(choose.randrange(4))],
            "blocked": [national_id for national_id in (*DOCTORS, *STRUCTURES) if choose.random() < 0.1],
            "attending_doctors": [doctor for doctor in DOCTORS if choose.random() < 0.2],
            "care_team_objected": choose.random() < 0.3,
            "hidden_sections": [name for name in ("BIOLOGIE", "CPT_REND") if choose.random() < 0.3],
            "applications": [{"application_id": "app-1", "sections": ["BIOLOGIE"]}],
            "emergency": {
                name: choose.random() < 0.5 for name in ("break_glass", "regulation_centre", "masked_documents")
            },
        }
    )


def some_record(choose: random.Random) -> RecordContext:
    at = NOW - timedelta(seconds=choose.choice([1, 1, 1, 1, 500]))
    named = [{"person_id": str(PERSON), "from": _TIMES[0], "until": choose.choice([None, _TIMES[1]])}]
    return RecordContext(
        RECORD,
        choose.choice(["open"] * 6 + ["closed", "odd"]),
        1,
        choose.choice([1, 1, 1, 1, None]),
        CopyAge(at, at, choose.random() < 0.02, at, matrix_at=at, erasures_at=at),
        some_choices(choose),
        People(choose.choice([named, []]), choose.choice([named, []]), choose.random() < 0.5),
        1,
        choose.choice([None, OTHER]),
        matrix=packaged()[0] if choose.random() < 0.95 else None,
    )


def some_summary(choose: random.Random, number: int) -> DocumentSummary:
    kind = document_types()[choose.choice(TYPES)]
    return DocumentSummary(
        id=UUID(int=number),
        record_id=RECORD,
        status=choose.choice(["published"] * 5 + ["received", "refused"]),  # type: ignore[arg-type]
        type=kind.code,
        class_code=kind.class_code,
        section=kind.section,
        labels=frozenset({"N"} | {label for label in LABELS if choose.random() < 0.15}),
        organisation_id=choose.choice(STRUCTURES),
        client_id="software-1",
        author_ids=frozenset({choose.choice(DOCTORS)}),
        received_at=NOW,
        deposit_id=UUID(int=number),
        life=choose.choice(["current"] * 4 + ["superseded", "deleted"]),  # type: ignore[arg-type]
        archived=choose.random() < 0.1,
        masked_by=choose.choice([None, "patient", "author"]),
    )


@pytest.mark.parametrize("searches", [1000, pytest.param(5000, marks=pytest.mark.long)])
def test_lists_and_single_decisions_are_equal(searches: int) -> None:
    choose, cases, answers = random.Random(20261122), 0, defaultdict[str, int](int)
    for _ in range(searches):
        requester, record = somebody(choose), some_record(choose)
        summaries = [some_summary(choose, number) for number in range(DOCUMENTS)]
        combination_by_id = {summary.id: combination_of(summary, requester) for summary in summaries}
        combinations = {repr(combination): combination for combination in combination_by_id.values()}
        rules = FactsRules(LIMIT, choose.choice(("never", "allowed")))
        common = request_facts(requester, "find", record, now=NOW, rules=rules)
        searched = search_record(common, requester, record, combinations)
        listed = set(searched.permitted)
        for summary in summaries:
            decision = decide(document_facts(common, requester, record, combination_of(summary, requester)))
            alone = isinstance(decision, Permit)
            whole = searched.decision
            if isinstance(whole, Refusal) and not whole.hides_existence:  # refused whole, and not silently
                assert not listed
            else:
                assert (repr(combination_by_id[summary.id]) in listed) is alone, (requester, record, summary)
            answers["listed" if alone else decision.reason if isinstance(decision, Refusal) else ""] += 1
            cases += 1
    assert cases == searches * DOCUMENTS
    assert answers["listed"] > cases / 50
    assert {"masked", "section-hidden", "not-in-matrix", "blocked", "invisible-to-patient"} <= answers.keys()


def test_the_common_facts_and_a_combinations_own_make_its_facts_again() -> None:
    choose = random.Random(7)
    for _ in range(500):
        requester, record = somebody(choose), some_record(choose)
        common = request_facts(requester, "find", record, now=NOW, rules=FactsRules(LIMIT))
        facts = document_facts(common, requester, record, combination_of(some_summary(choose, 1), requester))
        own = {name: value for name, value in encode_facts(facts).items() if name not in encode_facts(common)}
        assert decode_facts({**encode_facts(common), **own}) == facts


@pytest.mark.parametrize(
    ("token_says", "listed_as", "relation"),
    [
        ("representative", "representatives", "representative"),
        ("carer", "carers", "carer"),
        ("representative", "carers", "none"),
        ("carer", "representatives", "none"),
    ],
)
def test_a_relation_is_what_the_copy_says_and_never_the_token_alone(
    token_says: str, listed_as: str, relation: str
) -> None:
    named = {"person_id": str(PERSON), "from": _TIMES[0], "until": None}
    changes: dict[str, Any] = {listed_as: [named]}
    people = replace(NOBODY, **changes)
    record = RecordContext(RECORD, "open", 1, 1, CopyAge(NOW, NOW, people_at=NOW), people=people)
    requester = Somebody(token_says, str(PERSON), "web", RECORD, None, None, None, "normal", None, None)
    assert request_facts(requester, "find", record, now=NOW, rules=FactsRules(LIMIT)).relation == relation
    elsewhere = Somebody(token_says, str(PERSON), "web", OTHER, None, None, None, "normal", None, None)
    assert request_facts(elsewhere, "find", record, now=NOW, rules=FactsRules(LIMIT)).relation == "none"


@pytest.mark.parametrize(("kind", "fresh"), [("representative", False), ("carer", False), ("professional", True)])
def test_the_age_of_the_people_counts_for_who_acts_for_another(kind: str, *, fresh: bool) -> None:
    age = CopyAge(NOW, NOW, people_at=NOW - timedelta(seconds=121), matrix_at=NOW, erasures_at=NOW)
    record = RecordContext(RECORD, "open", 1, 1, age, matrix=packaged()[0])
    assert record.is_fresh_for(kind, NOW, LIMIT) is fresh
    assert not RecordContext(RECORD, "open", 1, 1, age).is_fresh_for("professional", NOW, LIMIT), "an unknown matrix"


UNKNOWN_MATRIX = CopyAge(NOW, NOW, people_at=NOW, erasures_at=NOW)


@pytest.mark.parametrize(
    "age",
    [
        UNKNOWN_MATRIX,
        replace(UNKNOWN_MATRIX, matrix_at=NOW - timedelta(seconds=121)),
        replace(UNKNOWN_MATRIX, matrix_at=NOW, matrix_broken=True),
        replace(UNKNOWN_MATRIX, matrix_at=NOW, other=UNKNOWN_MATRIX),
    ],
)
def test_the_age_of_the_matrices_counts_for_professionals_alone(age: CopyAge) -> None:
    record = RecordContext(RECORD, "open", 1, 1, age, matrix=packaged()[0])
    kinds = ("professional", "representative", "carer", "application", "patient", "software")
    assert [kind for kind in kinds if not record.is_fresh_for(kind, NOW, LIMIT)] == ["professional"]
