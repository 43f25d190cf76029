"""Who may act for whom: the tables of representation, care and acts_for_holder, whole; coming of age; whom to call."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest

from services.identity.kit.readable_codes import ActivationCodeMalformedError
from services.identity.kit.sealed_rows import Sealed
from services.identity.kit.transitions import Transition, TransitionRefusal
from services.identity.people.domain.persons import coming_of_age, is_minor
from services.identity.relations.domain import acts_for_holder, care, representation
from services.identity.relations.domain.emergency_contacts import (
    PeopleToCallInvalidError,
    check_people_to_call,
    people_to_call_as_json,
    people_to_call_from_json,
    person_to_call,
)
from services.identity.relations.domain.representation import (
    EvidenceInsufficientError,
    EvidenceUnknownError,
    Representation,
    RepresentationPeriodInvalidError,
    basis_at,
    check_evidence,
    initial_status,
    representation_period,
)
from shared.crypto.keyring import Keyring
from tests.infra.identity.identity_api import KEYRING, OTHER_KEYRING

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BORN = date(2015, 3, 4)

REPRESENTATION = {
    ("waiting", "validate", "administrator"): "validated",
    ("waiting", "validate", "representative"): "validated",
    ("waiting", "refuse", "administrator"): "refused",
    ("waiting", "refuse", "representative"): "refused",
    ("waiting", "refuse", "self"): "refused",
    ("waiting", "end", "administrator"): "refused",
    ("waiting", "end", "system"): "refused",
    ("validated", "validate", "administrator"): "validated",
    ("validated", "validate", "representative"): "validated",
    ("validated", "end", "administrator"): "ended",
    ("validated", "end", "system"): "ended",
    ("refused", "refuse", "administrator"): "refused",
    ("refused", "refuse", "representative"): "refused",
    ("refused", "refuse", "self"): "refused",
    ("refused", "end", "administrator"): "refused",
    ("refused", "end", "system"): "refused",
    ("ended", "end", "administrator"): "ended",
    ("ended", "end", "system"): "ended",
}
OVER_REPRESENTATION = {
    ("refused", "validate", "administrator"),
    ("refused", "validate", "representative"),
    ("ended", "validate", "administrator"),
    ("ended", "validate", "representative"),
    *product(("validated", "ended"), ("refuse",), ("administrator", "representative", "self")),
}


@pytest.mark.parametrize(
    "case", [*product(representation.STATUSES, representation.ACTIONS, representation.PARTIES)], ids="-".join
)
def test_what_becomes_of_a_representation(case: tuple[str, str, str]) -> None:
    decision = representation.TABLE.rows[case]  # type: ignore[index]  # words of a product
    if case in REPRESENTATION:
        assert decision == Transition(REPRESENTATION[case])
    else:
        code = "representation-over" if case in OVER_REPRESENTATION else "forbidden"
        assert isinstance(decision, TransitionRefusal)
        assert decision.error().code == code


def test_nobody_validates_their_own_representation_and_no_carer_has_a_word_in_it() -> None:
    moved = {case for case, decided in representation.TABLE.rows.items() if isinstance(decided, Transition)}
    assert not {case for case in moved if case[1] == "validate" and case[2] == "self"}
    assert not {case for case in moved if case[2] in ("carer", "stranger", "holder")}


CARE = {
    ("pending", "accept", "invited"): "accepted",
    ("pending", "refuse", "invited"): "refused",
    ("pending", "end", "holder"): "withdrawn",
    ("pending", "end", "representative"): "withdrawn",
    ("pending", "end", "invited"): "refused",
    ("pending", "expire", "system"): "expired",
    ("accepted", "accept", "invited"): "accepted",
    ("accepted", "end", "holder"): "ended",
    ("accepted", "end", "representative"): "ended",
    ("accepted", "end", "invited"): "ended",
    ("refused", "refuse", "invited"): "refused",
    ("expired", "expire", "system"): "expired",
    **{
        (status, "end", party): status
        for status, party in product(
            ("refused", "expired", "withdrawn", "ended"), ("holder", "representative", "invited")
        )
    },
}
WHO_IN_CARE = {
    "accept": {"invited"},
    "refuse": {"invited"},
    "end": {"holder", "representative", "invited"},
    "expire": {"system"},
}


@pytest.mark.parametrize("case", [*product(care.STATUSES, care.ACTIONS, care.PARTIES)], ids="-".join)
def test_what_becomes_of_an_invitation_and_a_carer(case: tuple[str, str, str]) -> None:
    decision = care.TABLE.rows[case]  # type: ignore[index]  # words of a product
    if case in CARE:
        assert decision == Transition(CARE[case])
    else:
        code = "invitation-over" if case[2] in WHO_IN_CARE[case[1]] else "forbidden"
        assert isinstance(decision, TransitionRefusal)
        assert decision.error().code == code


CARERS_MAY = {
    "read-documents",
    "add-documents",
    "change-documents",
    "delete-documents",
    "write-to-professionals",
    "receive-notifications",
    "see-people-to-call",
}


@pytest.mark.parametrize("case", [*product(acts_for_holder.RELATIONS, acts_for_holder.ACTS)], ids="-".join)
def test_what_holder_representative_and_carer_may_do(case: tuple[str, str]) -> None:
    relation, act = case
    expected = {
        "holder": act != "answer-representation",
        "representative": act != "change-login",
        "carer": act in CARERS_MAY,
    }
    assert acts_for_holder.is_permitted(relation, act) is expected[relation]  # type: ignore[arg-type]


def test_a_carer_neither_closes_nor_manages_carers_nor_changes_contact_or_login() -> None:
    for act in ("close-record", "reopen-record", "invite-carer", "end-care", "change-contact", "change-login"):
        assert not acts_for_holder.is_permitted("carer", act)


@pytest.mark.parametrize(
    ("born", "of_age"),
    [
        (date(2008, 11, 24), date(2026, 11, 24)),
        (date(2008, 2, 29), date(2026, 3, 1)),
        (date(2008, 2, 28), date(2026, 2, 28)),
        (date(2008, 3, 1), date(2026, 3, 1)),
        (date(2008, 12, 31), date(2026, 12, 31)),
    ],
)
def test_the_day_on_which_somebody_comes_of_age(born: date, of_age: date) -> None:
    assert coming_of_age(born) == of_age
    midnight = datetime(of_age.year, of_age.month, of_age.day, tzinfo=UTC)
    assert is_minor(born, midnight - timedelta(seconds=1))
    assert not is_minor(born, midnight)


EVIDENCE = {
    "representative-of-minor": {"birth-certificate", "family-booklet", "court-decision", "insured-register"},
    "representative-of-adult": {"court-decision", "protection-mandate"},
}
ALL_EVIDENCE = sorted(set().union(*EVIDENCE.values()))


@pytest.mark.parametrize(("basis", "evidence"), [*product(EVIDENCE, ALL_EVIDENCE)])
def test_which_evidence_is_enough(basis: str, evidence: str) -> None:
    if evidence in EVIDENCE[basis]:
        assert check_evidence(basis, evidence) == evidence  # type: ignore[arg-type]
    else:
        with pytest.raises(EvidenceInsufficientError):
            check_evidence(basis, evidence)  # type: ignore[arg-type]


def test_evidence_of_another_kind_is_unknown() -> None:
    with pytest.raises(EvidenceUnknownError):
        check_evidence("representative-of-minor", "a-letter")


def test_the_first_proven_representative_counts_at_once_and_all_others_wait() -> None:
    assert [initial_status(number, is_proven=True) for number in (0, 1, 2)] == ["validated", "waiting", "waiting"]
    assert {initial_status(number, is_proven=False) for number in (0, 1, 2)} == {"waiting"}


def test_an_end_that_would_tell_the_birth_date_is_not_kept() -> None:
    birthday = datetime(2033, 3, 4, tzinfo=UTC)
    assert representation_period(BORN, None, birthday, NOW) == (NOW, None)
    assert representation_period(BORN, None, birthday - timedelta(days=1), NOW) == (NOW, birthday - timedelta(days=1))
    assert representation_period(date(1950, 1, 1), None, birthday, NOW) == (NOW, birthday)


def test_a_decision_for_the_time_after_the_18th_birthday_is_that_of_an_adult() -> None:
    assert basis_at(BORN, datetime(2033, 3, 4, tzinfo=UTC)) == "representative-of-adult"
    assert basis_at(BORN, NOW) == "representative-of-minor"


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, -1), (5, 5), (-10, -5)])
def test_a_period_that_ends_before_it_begins_or_in_the_past_is_refused(start: int, end: int) -> None:
    with pytest.raises(RepresentationPeriodInvalidError):
        representation_period(BORN, NOW + timedelta(days=start), NOW + timedelta(days=end), NOW)


def test_when_a_representation_is_in_force() -> None:
    def at(basis: str, status: str, now: datetime, *, minor: bool) -> bool:
        relation = Representation(
            id=uuid4(),
            record_id=uuid4(),
            representative_id=uuid4(),
            basis=basis,  # type: ignore[arg-type]
            evidence="court-decision",
            reference=Sealed("k", b""),
            status=status,  # type: ignore[arg-type]
            starts_at=NOW,
            ends_at=NOW + timedelta(days=10),
            requested_at=NOW,
        )
        return relation.is_in_force(now, holder_is_minor=minor)

    assert at("representative-of-minor", "validated", NOW, minor=True)
    assert not at("representative-of-minor", "validated", NOW, minor=False)
    assert not at("representative-of-adult", "validated", NOW, minor=True)
    assert at("representative-of-adult", "validated", NOW, minor=False)
    assert not at("representative-of-minor", "waiting", NOW, minor=True)
    assert not at("representative-of-minor", "validated", NOW - timedelta(seconds=1), minor=True)
    assert not at("representative-of-minor", "validated", NOW + timedelta(days=10), minor=True)


def test_the_code_of_an_invitation_is_found_under_each_key_and_however_it_is_typed() -> None:
    code = care.new_invitation_code()
    typed = f"{code[:4]}-{code[4:8]} {code[8:]}".lower()
    old, both = Keyring.parse(KEYRING), Keyring.parse(f"{OTHER_KEYRING},{KEYRING}")
    assert care.invitation_code_hashes(old, code)[0] in care.invitation_code_hashes(both, typed)
    assert code not in "".join(care.invitation_code_hashes(both, code))
    with pytest.raises(ActivationCodeMalformedError):
        care.invitation_code_hashes(old, code[:-1])


def test_people_to_call_are_kept_as_they_were_given_with_a_number_that_can_be_called() -> None:
    people = (
        person_to_call("emergency", " Dominique PAT-TROIS ", "01 23 45 67 89", "sœur"),
        person_to_call("trusted", "Alix INVENTÉE", "+32 2 123 45 67", "voisine"),
    )
    assert [person.phone for person in people] == ["+33123456789", "+3221234567"]
    assert people[0].name == "Dominique PAT-TROIS"
    assert people_to_call_from_json(people_to_call_as_json(people)) == people
    assert "PAT-TROIS" not in repr(people)


@pytest.mark.parametrize(
    ("role", "name", "phone", "relation"),
    [
        ("boss", "A", "0123456789", "b"),
        ("emergency", "  ", "0123456789", "b"),
        ("emergency", "A\n", "12", "b"),
        ("emergency", "A", "call me", "b"),
        ("emergency", "A", "0123456789", "b\x00c"),
        ("emergency", "A" * 101, "0123456789", "b"),
    ],
)
def test_a_person_who_cannot_be_called_is_refused(role: str, name: str, phone: str, relation: str) -> None:
    with pytest.raises(PeopleToCallInvalidError):
        person_to_call(role, name, phone, relation)


def test_there_is_one_trusted_person_and_ten_people_at_most() -> None:
    trusted = person_to_call("trusted", "A", "0123456789", "b")
    helping = person_to_call("help", "A", "0123456789", "b")
    check_people_to_call([trusted, *[helping] * 9])
    for people in ([trusted, trusted], [helping] * 11):
        with pytest.raises(PeopleToCallInvalidError):
            check_people_to_call(people)
