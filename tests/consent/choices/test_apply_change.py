"""What a change does to the choices where lists are full and authorisations have ended."""

from datetime import UTC, datetime, timedelta

import pytest

from services.consent.authorisations.usecases.find_consents import GRANTEE_KINDS
from services.consent.choices.domain.changes import ListFullError, apply_change
from services.consent.choices.domain.choices import LONGEST_LIST, PATIENT_SIDE, Change, Choices, without_long_ended
from services.consent.choices.usecases.change_choices import PROXIES
from shared.access import facts, rights
from shared.contracts.consent import Authorisation

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def authorisation_of(number: int, ended: timedelta | None = None) -> Authorisation:
    until = None if ended is None else NOW - ended
    return Authorisation(holder_id=f"{number:012}", since=NOW - timedelta(days=500), until=until)


def authorise(choices: Choices, holder: str = "899700000001") -> Choices:
    change = Change(action="authorise-professional", subject_id=holder)
    return without_long_ended(apply_change(choices, change, "patient", NOW), NOW)


def test_what_has_ended_leaves_a_full_list_first_the_oldest_before_the_others() -> None:
    ended = tuple(authorisation_of(number, timedelta(days=number)) for number in (3, 30, 300))
    lasting = tuple(authorisation_of(number) for number in range(1000, 1000 + LONGEST_LIST - 2))
    full = authorise(Choices(authorisations=ended + lasting))
    assert len(full.authorisations) == LONGEST_LIST
    assert {authorisation.holder_id for authorisation in ended} & {
        authorisation.holder_id for authorisation in full.authorisations
    } == {f"{3:012}"}
    assert {*lasting} <= {*full.authorisations}
    without = authorise(full, "899700000002")
    assert not {*ended} & {*without.authorisations}
    with pytest.raises(ListFullError):
        authorise(without, "899700000003")


def test_nothing_is_forgotten_of_a_list_that_is_not_full_but_after_a_year() -> None:
    choices = Choices(
        authorisations=(
            authorisation_of(1, timedelta(days=365)),
            authorisation_of(2, timedelta(days=367)),
            authorisation_of(3),
        )
    )
    assert [authorisation.holder_id for authorisation in without_long_ended(choices, NOW).authorisations] == [
        f"{1:012}",
        f"{3:012}",
    ]
    assert without_long_ended(authorise(Choices()), NOW).authorisations


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (PATIENT_SIDE, {"patient", "representative", "carer"}),
        (facts.PATIENT_SIDE, {"patient", "representative", "carer"}),
        (PROXIES, {"representative", "carer"}),
        (GRANTEE_KINDS, {"professional", "software"}),
        (rights.CHANGES - rights._PATIENT_SIDE_CHANGES, {"attest-care-team"}),
    ],
)
def test_each_set_of_kinds_of_actors_and_of_changes_is_what_its_name_says(
    kinds: frozenset[str], expected: set[str]
) -> None:
    assert kinds == expected
