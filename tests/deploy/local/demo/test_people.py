"""Invented persons are well-formed, belong to nobody, and differ from each other."""

from datetime import UTC, datetime

import pytest

from deploy.local.demo.credentials import PRACTICE, PROFESSIONALS, STRUCTURES, Structure
from deploy.local.demo.letter import Haemoglobin, haemoglobin_report, letter, structured_letter
from deploy.local.demo.people import NOWHERE, invent
from shared.cda.header import read_header
from shared.terminology.professions import role_codes
from shared.values import Ins, check_key, national_professional_id, national_structure_id

HOSPITAL = Structure("1990000105", 'Hôpital "A & B" <C>')


@pytest.mark.parametrize("seed", range(200))
def test_the_number_of_an_invented_person_is_valid_and_of_no_place_that_exists(seed: int) -> None:
    person = invent(seed)
    ins = Ins.parse(person.ins, person.oid)
    check_key(ins)
    assert ins.is_test
    assert person.ins[5:10] == NOWHERE
    assert person.ins[0] == ("2" if person.sex == "female" else "1")
    assert person.ins[1:5] == f"{person.birth_date:%y%m}"
    assert person.mail.isascii()
    assert person.mail.endswith("@patient.example")


def test_the_same_seed_is_the_same_person() -> None:
    assert invent(7) == invent(7) != invent(8)
    assert len({invent().ins for _ in range(50)}) > 40


def test_the_letter_is_about_its_person_and_from_its_hospital() -> None:
    person = invent(3)
    header = read_header(letter(person, HOSPITAL, datetime(2026, 3, 1, 12, tzinfo=UTC)))
    assert [(ins.matricule, ins.oid) for ins in header.ins] == [(person.ins, person.oid)]
    assert header.traits.normalised() == {
        "birth_name": person.birth_name,
        "given_name": header.traits.normalised()["given_name"],
        "birth_date": person.birth_date.isoformat(),
        "sex": person.sex,
        "birth_place": NOWHERE,
    }
    assert header.traits.given_name == person.given_name
    assert header.custodian == HOSPITAL.id
    assert header.effective_time == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_each_letter_is_a_new_document_with_nothing_left_to_fill_in() -> None:
    first, second = letter(invent(3), HOSPITAL), letter(invent(3), HOSPITAL)
    assert read_header(first).unique_id != read_header(second).unique_id
    assert b"{{" not in first.replace(b"{{DOUBLE", b"")


def test_structured_documents_have_the_header_of_a_template_and_a_body_in_codes() -> None:
    person, day = invent(3), datetime(2026, 5, 4, tzinfo=UTC)
    report = haemoglobin_report(person, HOSPITAL, Haemoglobin("118", "g/L", "120", "160"), day)
    assert read_header(report).effective_time == day
    assert b'<value xsi:type="PQ" value="118" unit="g/L"/>' in report
    letters = [structured_letter(person, HOSPITAL, department) for department in ("cardiology", "psychiatry")]
    assert [read_header(content).title for content in letters] == [
        "Lettre de liaison, cardiologie",
        "Lettre de liaison, psychiatrie",
    ]
    for content in (report, *letters):
        header = read_header(content)
        assert (header.ins[0].matricule, header.custodian) == (person.ins, HOSPITAL.id)
        assert content.count(b"<structuredBody") == 1
        assert b"{{" not in content.replace(b"{{DOUBLE", b"")


def test_the_people_and_structures_of_the_demonstration_have_national_ids() -> None:
    for structure in (*STRUCTURES.values(), PRACTICE):
        assert national_structure_id(structure.id) == structure.id
    for professional in PROFESSIONALS.values():
        assert national_professional_id(professional.id) == professional.id
        assert professional.profession in role_codes()
