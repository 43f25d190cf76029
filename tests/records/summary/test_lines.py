"""The lines of a sheet: which facts make them, what is one line, what is old, what contradicts, what doctors signed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.records.clinical_facts.domain.model import (
    ClinicalFact,
    FactKind,
    FactSource,
    Posology,
    Reaction,
    TreatmentDetail,
)
from services.records.clinical_facts.domain.values import (
    BooleanValue,
    CodedValue,
    Coding,
    Concept,
    FactParty,
    FactTime,
    TextValue,
)
from services.records.summary.domain.citations import CITED_FACT
from services.records.summary.domain.lines import draft_lines, finish_lines
from services.records.summary.domain.sheet import Chapter, SummaryLine
from services.records.summary.domain.signatures import (
    FORMAT,
    SignedBlock,
    SignedLine,
    SignedVersion,
    encode_signatures,
    open_signatures,
)
from services.records.summary.domain.signing import SOURCE_CHANGED
from services.records.summary.domain.sources import SheetSource, counts_of
from shared.crypto.keyring import SealBrokenError, seal
from shared.crypto.vault import place

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SIGNED_AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
DOCTOR, OTHER = "899900000018", "899900000026"
CIM_10 = "2.16.840.1.113883.6.3"
_numbers = count(1)


def fact(kind: FactKind = FactKind.PROBLEM, code: str = "J45", **members: Any) -> ClinicalFact:
    """A fact with an id of its own."""
    number = next(_numbers)
    return ClinicalFact(
        id=UUID(int=number),
        kind=kind,
        source=members.pop("source", FactSource(f"0/{number}")),
        code=members.pop("concept", Concept(Coding(code, CIM_10, f"Label {code}"))),
        **members,
    )


def document(*facts: ClinicalFact, day: str = "2026-10-01", **members: Any) -> SheetSource:
    """A document with these facts."""
    number = next(_numbers)
    return SheetSource(
        **{
            "id": UUID(int=0xD0000 + number),
            "record_id": UUID(int=1),
            "type": "11488-4",
            "day": date.fromisoformat(day),
            "received_at": NOW,
            "deposited_by": "organisation",
            "state": "read",
            "facts": facts,
            **members,
        }
    )


def lines(*documents: SheetSource, versions: Sequence[SignedVersion] = ()) -> list[SummaryLine]:
    """The lines of these documents."""
    return list(finish_lines(draft_lines(documents, versions, NOW), {}, NOW))


def signed(*signed_lines: SignedLine, doctor: str = DOCTOR, **members: Any) -> SignedVersion:
    """A version that its reader sees, with all that it cites."""
    readable = frozenset(each.document_id for each in signed_lines if each.document_id is not None)
    block = SignedBlock(FORMAT, f"Dr {doctor}", signed_lines)
    return SignedVersion(
        **{
            "document_id": UUID(int=0xE0000 + next(_numbers)),
            "record_id": UUID(int=1),
            "doctor_id": doctor,
            "block": block,
            "is_holder": True,
            "readable": readable,
            **members,
        }
    )


def confirmed(source: SheetSource, at: datetime = SIGNED_AT) -> SignedLine:
    """The confirmation of the document's only fact."""
    [stated] = source.facts
    return SignedLine("confirmed", chapter_for(stated), stated, at, source.id)


def rejected(*sources: SheetSource, reason: str | None = "erreur") -> SignedLine:
    """The rejection of the only fact of these documents."""
    [stated] = sources[0].facts
    return SignedLine(
        "rejected", chapter_for(stated), stated, SIGNED_AT, sources=tuple(each.id for each in sources), reason=reason
    )


def chapter_for(stated: ClinicalFact) -> Chapter:
    """The chapter of a fact."""
    [line] = lines(document(stated))
    return line.chapter


@pytest.mark.parametrize(
    ("kind", "members", "chapter"),
    [
        (FactKind.BLOOD_GROUP, {"value": TextValue("A+")}, Chapter.BLOOD_GROUP),
        (FactKind.ALLERGY, {}, Chapter.ALLERGIES),
        (FactKind.ADVERSE_EFFECT, {}, Chapter.ALLERGIES),
        (FactKind.TREATMENT, {}, Chapter.TREATMENTS),
        (FactKind.TREATMENT, {"status": "prescribed"}, Chapter.TREATMENTS),
        (FactKind.PROBLEM, {}, Chapter.PROBLEMS),
        (FactKind.PROBLEM, {"negated": True}, Chapter.PROBLEMS),
        (FactKind.PROCEDURE, {"status": "performed"}, Chapter.PROCEDURES),
        (FactKind.PROCEDURE, {"status": "planned"}, None),
        (FactKind.DEVICE, {"is_implant": True}, Chapter.IMPLANTS),
        (FactKind.DEVICE, {}, None),
        (FactKind.DEVICE, {"is_implant": True, "status": "planned"}, None),
        (FactKind.DEVICE, {"statement": "none", "scope": "stay"}, Chapter.IMPLANTS),
        (FactKind.PREGNANCY, {}, Chapter.PREGNANCY),
        (FactKind.VACCINATION, {"time": FactTime(at="2020-05")}, Chapter.VACCINATIONS),
        (FactKind.VACCINATION, {"time": FactTime(at="2016")}, Chapter.VACCINATIONS),
        (FactKind.VACCINATION, {}, Chapter.VACCINATIONS),
        (FactKind.VACCINATION, {"time": FactTime(at="2015")}, None),
        (FactKind.VACCINATION, {"status": "planned"}, None),
        (FactKind.VACCINATION, {"status": "recommended"}, None),
        (FactKind.DIRECTIVE, {}, Chapter.DIRECTIVES),
        (FactKind.BLOOD_GROUP, {"negated": True}, None),
        *((kind, {}, None) for kind in (FactKind.RESULT, FactKind.MEASURE, FactKind.FINDING, FactKind.LIFESTYLE)),
        (FactKind.FAMILY, {}, None),
    ],
)
def test_each_kind_of_fact_stands_in_its_chapter(
    kind: FactKind, members: dict[str, Any], chapter: Chapter | None
) -> None:
    made = lines(document(fact(kind, **members)))
    assert [line.chapter for line in made] == ([] if chapter is None else [chapter])
    assert all((line.state, line.origin) == ("proposed", "document") for line in made)


def test_every_kind_of_fact_was_thought_of() -> None:
    tested = test_each_kind_of_fact_stands_in_its_chapter.pytestmark[0].args[1]
    assert {row[0] for row in tested} == set(FactKind)


def test_one_statement_of_several_documents_is_one_line_with_all_sources() -> None:
    first, second = document(fact(), day="2025-01-01"), document(fact(), day="2026-01-01")
    [line] = lines(first, second)
    assert [source.document_id for source in line.sources] == [second.id, first.id], "the newest is the cited one"
    assert (line.id, line.fact) == (second.facts[0].id, second.facts[0])
    [alone] = lines(first)
    assert [source.document_id for source in alone.sources] == [first.id]


def test_a_line_takes_in_what_says_less_and_nothing_that_says_more_or_other() -> None:
    reaction = (Reaction(Concept(text="œdème")),)
    plain = document(fact(FactKind.ALLERGY), day="2026-05-05")
    with_reaction = document(fact(FactKind.ALLERGY, reactions=reaction), day="2020-05-05")
    with_date = document(fact(FactKind.ALLERGY, time=FactTime(at="1990")), day="2019-01-01")
    made = lines(plain, with_reaction, with_date)
    assert [[source.document_id for source in line.sources] for line in made] == [
        [with_reaction.id, plain.id],
        [with_date.id],
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"code": "J46"},
        {"side": Concept(Coding("7771000", "2.16.840.1.113883.6.96"))},
        {"site": (Concept(text="bras"),)},
        {"negated": True},
        {"statement": "none"},
        {"value": BooleanValue(False)},
    ],
)
def test_another_code_side_or_answer_is_another_line(other: dict[str, Any]) -> None:
    assert len(lines(document(fact()), document(fact(**other)))) == 2


def test_a_dosage_that_goes_on_is_one_line_and_another_dosage_a_second() -> None:
    def treatment(day: str, words: str) -> ClinicalFact:
        detail = TreatmentDetail(posology=(Posology(dose_words=words),), lot=day)
        return fact(FactKind.TREATMENT, time=FactTime(start=day, end_unknown=True), treatment=detail)

    march, june = (document(treatment(day, "1 le soir"), day=day) for day in ("2026-03-01", "2026-06-01"))
    other = document(treatment("2026-06-01", "2 le soir"), day="2026-06-01")
    made = lines(march, june, other)
    assert sorted(len(line.sources) for line in made) == [1, 2]
    assert {line.fact.time.start for line in made if line.fact.time is not None} == {"2026-06-01"}


def test_a_treatment_that_no_document_states_for_twelve_months_is_old() -> None:
    def age(*days: str) -> bool:
        [line] = lines(*(document(fact(FactKind.TREATMENT), day=day) for day in days))
        return line.is_old

    assert age("2025-11-29")
    assert not age("2025-12-01")
    assert not age("2020-01-01", "2026-01-01"), "somebody states it again"
    [problem] = lines(document(fact(), day="1990-01-01"))
    assert not problem.is_old
    [pregnancy] = lines(document(fact(FactKind.PREGNANCY), day="2026-01-01"))
    assert pregnancy.is_old


def test_what_goes_on_comes_first_and_what_is_not_there_last() -> None:
    def treatment(code: str, **members: Any) -> ClinicalFact:
        return fact(FactKind.TREATMENT, code, **members)

    newest, older = document(treatment("A"), day="2026-09-01"), document(treatment("B"), day="2026-08-01")
    ended = document(treatment("C", time=FactTime(start="2026-09-01", end="2026-10-01")), day="2026-10-02")
    absent = document(treatment("D", statement="none", scope="séjour"), day="2026-11-01")
    unknown = document(treatment("E", statement="unknown"), day="2026-11-02")
    old = document(treatment("F"), day="2020-01-01")
    made = lines(absent, old, older, ended, unknown, newest)
    codes = [line.fact.code.coding.code for line in made if line.fact.code is not None and line.fact.code.coding]
    assert codes == ["A", "B", "F", "C", "D", "E"]


def conflicts(*documents: SheetSource) -> list[int | None]:
    """The number of the conflict of each line."""
    return [line.conflict for line in lines(*documents)]


def test_yes_and_no_about_one_thing_contradict_and_none_does_not() -> None:
    asthma, no_asthma = document(fact()), document(fact(negated=True))
    assert conflicts(asthma, no_asthma) == [1, 1]
    assert conflicts(asthma, document(fact(code="J46", negated=True))) == [None, None]
    assert conflicts(asthma, document(fact(statement="none", scope="séjour"))) == [None, None]
    assert conflicts(asthma, document(fact(statement="unknown"))) == [None, None]
    left = Concept(Coding("7771000", "2.16.840.1.113883.6.96"))
    assert conflicts(asthma, document(fact(negated=True, side=left))) == [None, None]
    allergy, no_allergy = document(fact(FactKind.ALLERGY)), document(fact(FactKind.ALLERGY, negated=True))
    assert conflicts(asthma, no_asthma, allergy, no_allergy) == [1, 1, 2, 2]


def test_events_of_two_days_contradict_nothing() -> None:
    def tested_on(day: str, answer: bool) -> SheetSource:
        return document(fact(FactKind.PREGNANCY, value=BooleanValue(answer), time=FactTime(at=day)))

    assert conflicts(tested_on("2026-01-01", True), tested_on("2024-01-01", False)) == [None, None]
    assert conflicts(tested_on("2026-01-01", True), tested_on("2026-01-01", False)) == [1, 1]


def blood_group(words: str, code: str = "882-1") -> SheetSource:
    """A laboratory's blood group."""
    value = CodedValue((Concept(Coding("x", "1.2.3", words)),))
    laboratory = (FactParty("laboratory", organisation=f"Laboratoire {next(_numbers)}"),)
    return document(fact(FactKind.BLOOD_GROUP, code, value=value, parties=laboratory))


@pytest.mark.parametrize(
    ("first", "second", "contradict"),
    [
        ("A RhD positif", "O RhD positif", True),
        ("A+", "A-", True),
        ("A Rh positif", "A Rh négatif", True),
        ("A+", "A Rh(D) positif", False),
        ("AB", "A", True),
        ("AB", "Rhésus positif", False),
        ("groupe AB+", "AB positif", False),
    ],
)
def test_two_blood_groups_that_differ_contradict_whatever_their_codes(
    first: str, second: str, contradict: bool
) -> None:
    assert conflicts(blood_group(first), blood_group(second, "883-9")) == ([1, 1] if contradict else [None, None])


def test_what_the_patient_side_states_warns_and_neither_merges_nor_contradicts_nor_gives_a_blood_group() -> None:
    own = {"deposited_by": "carer", "type": "DOCPAT08"}
    stated = document(fact(negated=True), fact(), fact(FactKind.BLOOD_GROUP, value=TextValue("A+")), **own)
    made = lines(stated, document(fact()))
    assert sorted(line.origin for line in made) == ["document", "patient-side", "patient-side"]
    assert {line.conflict for line in made} == {None}
    assert Chapter.BLOOD_GROUP not in {line.chapter for line in made}
    assert [len(line.sources) for line in made] == [1, 1, 1]
    [declaration] = {line.declaration for line in made if line.origin == "patient-side"}
    assert declaration is not None
    assert (declaration.role, declaration.at) == ("carer", NOW)


@pytest.mark.parametrize("kind", ["EXPPAT_1", "EXPPAT_3"])
def test_that_directives_exist_is_a_line_though_no_fact_is_read_out_of_them(kind: str) -> None:
    own = document(type=kind, deposited_by="patient", state="unstructured")
    [line] = lines(own)
    assert (line.chapter, line.origin, [source.document_id for source in line.sources]) == (
        Chapter.DIRECTIVES,
        "patient-side",
        [own.id],
    )
    assert line.fact.code is not None
    assert line.fact.code.label


def test_what_restates_a_sheet_proposes_nothing() -> None:
    citing = FactSource("0/1", ids=(f"{CITED_FACT}^{UUID(int=5)}.{UUID(int=6)}",))
    assert lines(document(fact(source=citing))) == []


def test_a_sheet_that_restates_documents_counts_nothing_of_its_own() -> None:
    citing = fact(source=FactSource("0/1", ids=(f"{CITED_FACT}^{UUID(int=5)}.{UUID(int=6)}",)))
    composed = document(citing, type="60591-5", text_only=8)
    foreign = document(citing, fact(), type="60591-5", text_only=2)
    assert [counts_of([each]).text_only for each in (composed, foreign)] == [0, 2]


def test_what_no_line_shows_is_counted() -> None:
    counts = counts_of(
        [
            document(text_only=3),
            document(state="in-part", text_only=2),
            document(state="unreadable"),
            document(state="pending"),
            document(state="unstructured"),
            document(state="none"),
            document(fact(), has_unread=True),
        ]
    )
    assert (counts.text_only, counts.unread, counts.pending) == (6, 3, 1)


def test_a_confirmed_line_says_who_and_when() -> None:
    source, restated = document(fact()), document(fact(), day="2026-11-01")
    [line] = lines(source, restated, versions=[signed(confirmed(source))])
    assert (line.state, line.id) == ("confirmed", source.facts[0].id)
    assert [each.document_id for each in line.sources] == [source.id, restated.id], "the cited one first"
    [decision] = line.decisions
    assert (decision.action, decision.doctor_id, decision.at, decision.until) == ("confirmed", DOCTOR, SIGNED_AT, None)


def test_a_confirmed_line_is_shown_to_those_alone_who_may_read_what_it_cites() -> None:
    source, restated = document(fact()), document(fact())
    hidden = signed(confirmed(source), readable=frozenset())
    [line] = lines(restated, versions=[hidden])
    assert (line.state, line.decisions, [each.document_id for each in line.sources]) == ("proposed", (), [restated.id])
    assert lines(versions=[hidden]) == []
    [line] = lines(restated, versions=[signed(confirmed(source), is_shown=False)])
    assert (line.state, line.decisions) == ("proposed", ())


def test_a_signed_line_stays_as_it_was_signed_and_is_marked() -> None:
    source = document(fact())
    version = signed(confirmed(source))
    read_anew = msgspec.structs.replace(source.facts[0], severity=Concept(text="grave"))
    now_read = document(read_anew, id=source.id)
    [line] = lines(now_read, versions=[version])
    assert (line.state, line.fact.severity, line.fact.marks) == ("confirmed", None, (SOURCE_CHANGED,))
    [line] = lines(versions=[version])
    assert (line.state, line.fact.marks, [each.document_id for each in line.sources]) == (
        "confirmed",
        (SOURCE_CHANGED,),
        [source.id],
    )


def test_what_says_more_than_a_confirmed_line_is_proposed_beside_it() -> None:
    source = document(fact())
    severe = document(fact(severity=Concept(text="grave")))
    made = lines(source, severe, versions=[signed(confirmed(source))])
    assert sorted((line.state, line.fact.severity is not None) for line in made) == [
        ("confirmed", False),
        ("proposed", True),
    ]
    assert len({line.id for line in made}) == 2


def test_when_the_status_ends_lines_are_proposals_that_say_until_when() -> None:
    source, ended_at = document(fact()), NOW - timedelta(days=3)
    statement = SignedLine("stated", Chapter.PROBLEMS, fact(code="I10"), SIGNED_AT)
    former = signed(confirmed(source), statement, is_holder=False, ended_at=ended_at)
    made = lines(source, versions=[former])
    assert [(line.state, line.decisions[0].until) for line in made] == [("proposed", ended_at)] * 2
    rejection = signed(rejected(source), is_holder=False, ended_at=ended_at)
    [line] = lines(source, versions=[rejection])
    assert (line.state, line.decisions) == ("proposed", ())


def test_the_chains_of_all_present_holders_count() -> None:
    source = document(fact())
    later = SIGNED_AT + timedelta(days=1)
    versions = [signed(confirmed(source)), signed(confirmed(source, later), doctor=OTHER)]
    [line] = lines(source, versions=versions)
    assert [decision.doctor_id for decision in line.decisions] == [OTHER, DOCTOR]
    [line] = lines(source, versions=[versions[0], signed(rejected(source), doctor=OTHER)])
    assert (line.state, {decision.action for decision in line.decisions}) == ("confirmed", {"confirmed", "rejected"})


def test_a_rejected_line_stays_until_another_source_states_it() -> None:
    source = document(fact())
    version = signed(rejected(source))
    [line] = lines(source, versions=[version])
    [decision] = line.decisions
    assert (line.state, decision.reason, decision.doctor_id) == ("rejected", "erreur", DOCTOR)
    restated = document(fact())
    [line] = lines(source, restated, versions=[version])
    assert (line.state, len(line.decisions)) == ("proposed", 1)
    [line] = lines(restated, versions=[version])
    assert (line.state, line.decisions) == ("proposed", ()), "who may not read the rejected source learns nothing"
    severe = document(fact(severity=Concept(text="grave")))
    assert [line.state for line in lines(source, severe, versions=[version])] == ["proposed"]


def test_a_rejected_line_contradicts_nothing() -> None:
    source, negation = document(fact()), document(fact(negated=True))
    made = lines(source, negation, versions=[signed(rejected(source))])
    assert [line.conflict for line in made] == [None, None]


def test_a_statement_of_the_doctor_cites_nothing() -> None:
    statement = SignedLine("stated", Chapter.DIRECTIVES, fact(FactKind.DIRECTIVE), SIGNED_AT, where="chez son notaire")
    [line] = lines(versions=[signed(statement)])
    assert (line.origin, line.state, line.sources, line.where) == ("doctor", "confirmed", (), "chez son notaire")
    assert lines(versions=[signed(statement, is_shown=False)]) == []


def test_what_was_signed_is_sealed_to_its_version_and_read_again() -> None:
    source = document(fact(reactions=(Reaction(Concept(text="œdème")),)))
    block = signed(confirmed(source), rejected(source)).block
    key, version = bytes(32), UUID(int=9)
    sealed = seal(key, encode_signatures(block), place("signatures", version))
    assert open_signatures(key, version, sealed) == block
    with pytest.raises(SealBrokenError):
        open_signatures(key, UUID(int=8), sealed)
