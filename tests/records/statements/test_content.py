"""The form of statements: what they may say, how they are kept, and what a reader makes of whatever stands there."""

from dataclasses import replace
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.records.deposits.domain.media_types import IN_SUBMISSIONS, OWN
from services.records.statements.domain.statements import (
    STATEMENTS_TYPE,
    PatientStatement,
    StatedCode,
    checked,
    read_statements,
    statements_content,
)
from shared.access.personal_space import ENTRY_TYPES
from shared.errors import InvalidError
from shared.terminology.statements import FORMS, StatementForm, statement_kinds

TODAY = date(2026, 11, 27)
PENICILLIN = StatedCode("2.16.840.1.113883.6.73", "J01CA04", "Amoxicilline")
ALLERGY = PatientStatement("allergy", "Amoxicilline", PENICILLIN, since="2011-05", until="2020")


def refusal(statement: PatientStatement, form: StatementForm = "health-profile") -> str:
    with pytest.raises(InvalidError) as raised:
        checked(form, [statement], TODAY)
    assert raised.value.in_french(), "it is said in French too"
    return raised.value.code


def test_statements_come_back_as_they_were_kept_with_who_declares_them() -> None:
    stated = checked("health-profile", [ALLERGY, PatientStatement("lifestyle-tobacco", "10 par jour")], TODAY)
    content = statements_content("health-profile", stated)
    assert read_statements(content, STATEMENTS_TYPE, "patient") == stated
    by_carer = read_statements(content, STATEMENTS_TYPE, "carer")
    assert by_carer == tuple(replace(statement, declared_by="carer") for statement in stated)
    assert orjson.loads(content)["statements"][0]["code"] == {
        "system": "2.16.840.1.113883.6.73",
        "code": "J01CA04",
        "display": "Amoxicilline",
    }


def test_every_kind_stands_in_one_form_and_every_form_has_a_type_of_document() -> None:
    assert {kind.form for kind in statement_kinds().values()} == set(FORMS) <= set(ENTRY_TYPES)
    for code, kind in statement_kinds().items():
        position: Any = "agrees" if code == "organ-donation" else None
        statement = PatientStatement(code, "x", position=position)
        assert checked(kind.form, [statement], TODAY)
        for form in set(FORMS) - {kind.form}:
            assert refusal(statement, form) == "statement-kind-unknown"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"kind": "blood-group", "text": "O+"}, "blood-group-stated"),
        ({"kind": "shoe-size"}, "statement-kind-unknown"),
        ({"text": None}, "statement-text-invalid"),
        ({"text": " \u200b "}, "statement-text-invalid"),
        ({"text": "a\x00b"}, "statement-text-invalid"),
        ({"text": "a\x9bb"}, "statement-text-invalid"),
        ({"position": "agrees"}, "statement-text-invalid"),
        ({"since": "2027"}, "statement-date-invalid"),
        ({"since": "2026-12"}, "statement-date-invalid"),
        ({"since": "1899"}, "statement-date-invalid"),
        ({"since": "2011-13"}, "statement-date-invalid"),
        ({"since": "2011-02-30"}, "statement-date-invalid"),
        ({"since": "mai 2011"}, "statement-date-invalid"),
        ({"since": "2011", "until": "2010"}, "statement-date-invalid"),
        ({"until": "soon"}, "statement-date-invalid"),
        ({"code": StatedCode("ATC", "J01CA04")}, "statement-code-invalid"),
        ({"code": StatedCode("2.16.840", "J01 CA04")}, "statement-code-invalid"),
        ({"code": StatedCode("2.16.840", "J01CA04", "\x1b")}, "statement-code-invalid"),
    ],
)
def test_what_a_statement_may_not_be_is_refused(changed: dict[str, Any], code: str) -> None:
    assert refusal(replace(ALLERGY, **changed)) == code


def test_organ_donation_has_a_position_and_needs_no_words() -> None:
    [wish] = checked("wishes", [PatientStatement("organ-donation", position="refuses")], TODAY)
    assert (wish.text, wish.position) == (None, "refuses")
    assert refusal(PatientStatement("organ-donation", "oui"), "wishes") == "statement-text-invalid"


def test_texts_are_cleaned_and_only_long_ones_keep_their_lines() -> None:
    [note] = checked("note", [PatientStatement("note", " une ligne\net une\u200b autre ")], TODAY)
    assert note.text == "une ligne\net une autre"
    [allergy] = checked("health-profile", [PatientStatement("allergy", "pollen\nde  bouleau")], TODAY)
    assert allergy.text == "pollen de bouleau"
    [coded] = checked("health-profile", [replace(ALLERGY, code=StatedCode("urn:oid:2.16.840", "A", " x "))], TODAY)
    assert coded.code == StatedCode("2.16.840", "A", "x")


def test_only_the_patient_side_states_and_only_in_this_format() -> None:
    content = statements_content("health-profile", [ALLERGY])
    assert read_statements(content, STATEMENTS_TYPE, "organisation") == ()
    assert read_statements(content, "application/pdf", "patient") == ()
    newer = orjson.dumps({**orjson.loads(content), "format": 2})
    assert read_statements(newer, STATEMENTS_TYPE, "patient") == ()
    assert read_statements(b"[]", STATEMENTS_TYPE, "patient") == ()


def test_nobody_can_deposit_such_a_content_in_another_way() -> None:
    taken = {name for format_ in (*IN_SUBMISSIONS, *OWN) for name in format_.media_types}
    assert STATEMENTS_TYPE not in taken


def test_a_kind_of_a_later_release_and_a_blood_group_are_passed_over() -> None:
    statements = [{"kind": "blood-group", "text": "O+"}, {"kind": "later", "text": "x"}, {"kind": "note", "text": "y"}]
    content = orjson.dumps({"format": 1, "form": "note", "statements": statements, "more": True})
    assert [statement.kind for statement in read_statements(content, STATEMENTS_TYPE, "patient")] == ["note"]


def test_nothing_of_a_statement_is_printed() -> None:
    assert "Amoxicilline" not in repr(ALLERGY) + repr(PENICILLIN)


TEXTS = st.text(max_size=12) | st.none()


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.sampled_from([*statement_kinds(), "blood-group", "x"]), TEXTS, TEXTS, TEXTS, TEXTS)
def test_any_statement_is_kept_as_it_is_checked_or_refused(
    kind: str, text: str | None, since: str | None, system: str | None, code: str | None
) -> None:
    stated = None if system is None or code is None else StatedCode(system, code, text)
    form = statement_kinds()[kind].form if kind in statement_kinds() else "note"
    try:
        taken = checked(form, [PatientStatement(kind, text, stated, since)], TODAY)
    except InvalidError:
        return
    assert read_statements(statements_content(form, taken), STATEMENTS_TYPE, "patient") == taken
